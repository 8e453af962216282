// How the page is served: kinds, caching, compression, and what a browser is told to allow.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { expect, test } from '../harness/fixtures';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A plain request: node's own client neither asks for compression nor undoes it. */
async function get(url: URL, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** The files that index.html names. */
async function files(page: URL): Promise<URL[]> {
  const html = (await get(page)).body.toString('utf8');
  const names = [...html.matchAll(/(?:src|href)=["']?([^"'\s>]+\.\w+)/g)].map((match) => match[1] ?? '');
  return [...new Set(names)].map((name) => new URL(name, page));
}

const KINDS: Record<string, RegExp> = { js: /^(text|application)\/javascript/, wasm: /^application\/wasm$/, css: /^text\/css/, svg: /^image\/svg\+xml/ };

test('the page is HTML, and never kept without asking', async ({ program }) => {
  const { status, headers, body } = await get(program.page);
  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/html; *charset=utf-8$/i);
  expect(headers['cache-control']).toMatch(/no-cache|no-store/);
  expect(body.toString('utf8')).toContain('<html');
});

test('hashed files have their kind and are kept for ever', async ({ program }) => {
  const all = await files(program.page);
  expect(all.map((url) => url.pathname.split('.').at(-1))).toEqual(expect.arrayContaining(['js', 'wasm', 'css']));
  for (const url of all) {
    const { status, headers } = await get(url);
    expect(status, url.pathname).toBe(200);
    expect(headers['content-type'], url.pathname).toMatch(KINDS[url.pathname.split('.').at(-1) ?? ''] ?? /^$/);
    expect(headers['cache-control'], url.pathname).toMatch(/max-age=31536000.*immutable/);
  }
});

test('brotli and gzip are sent to who takes them, with the same content', async ({ program }) => {
  for (const url of [program.page, ...(await files(program.page))]) {
    const plain = await get(url);
    expect(plain.headers['content-encoding'], url.pathname).toBeUndefined();
    expect(plain.headers['vary']).toMatch(/accept-encoding/i);
    const brotli = await get(url, { 'accept-encoding': 'gzip, deflate, br' });
    expect(brotli.headers['content-encoding'], url.pathname).toBe('br');
    expect(brotliDecompressSync(brotli.body).equals(plain.body)).toBe(true);
    const gzip = await get(url, { 'accept-encoding': 'gzip, br;q=0' });
    expect(gzip.headers['content-encoding'], url.pathname).toBe('gzip');
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    expect(brotli.headers['etag'] ?? 'br').not.toBe(gzip.headers['etag'] ?? 'gzip');
  }
});

test('the page and all that it loads are at most 200 KB in brotli', async ({ program }) => {
  let total = 0;
  for (const url of [program.page, ...(await files(program.page))]) {
    total += (await get(url, { 'accept-encoding': 'br' })).body.length;
  }
  expect(total).toBeLessThanOrEqual(200_000);
});

test('the policy allows the page and nothing else', async ({ program }) => {
  const { headers } = await get(program.page);
  const policy = new Map(
    String(headers['content-security-policy'])
      .split(';')
      .map((part) => part.trim().split(/\s+/))
      .map(([name = '', ...sources]) => [name, sources]),
  );
  expect(policy.get('default-src')).toEqual(["'none'"]);
  expect(policy.get('script-src')).toEqual(expect.arrayContaining(["'self'", "'wasm-unsafe-eval'"]));
  const all = [...policy.values()].flat();
  for (const loose of ["'unsafe-inline'", "'unsafe-eval'", '*', 'http:', 'https:']) expect(all).not.toContain(loose);
  expect(policy.get('frame-ancestors')).toEqual(["'none'"]);
  expect(policy.get('base-uri')).toEqual(["'none'"]);
});

test('nothing may be taken for another kind than it says', async ({ program }) => {
  const urls = [program.page, ...(await files(program.page)), new URL('/nothing-here.js', program.page), new URL('/ws', program.page)];
  for (const url of urls) expect((await get(url)).headers['x-content-type-options'], url.pathname).toBe('nosniff');
});

test('what is not there is 404 and not the page', async ({ program }) => {
  for (const path of ['/nothing-here.js', '/assets/nothing.wasm', '/../Cargo.toml', '/%2e%2e/Cargo.toml', '/..%2fCargo.toml']) {
    const { status, body } = await get(new URL(path, program.page));
    expect(status, path).toBe(404);
    expect(body.toString('utf8'), path).not.toContain('<script');
  }
});

test('HEAD tells the same as GET, without the content', async ({ program }) => {
  const [got, head] = [await get(program.page), await get(program.page, {}, 'HEAD')];
  expect(head.status).toBe(200);
  expect(head.body.length).toBe(0);
  expect(head.headers['content-type']).toBe(got.headers['content-type']);
});

test('only reading is allowed', async ({ program }) => {
  for (const method of ['POST', 'PUT', 'DELETE']) expect((await get(program.page, {}, method)).status, method).toBe(405);
});
