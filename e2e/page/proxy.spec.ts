// A proxy that knows nothing of subprotocols, as development servers have: the page works over a plain tunnel.
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Program } from '../harness/program';
import { expect, test } from './visit';

// the browser tells the console of the connection that it refuses
test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

/** The proxy, with what each WebSocket that was asked for has asked. */
class Proxy {
  readonly asked: (string | undefined)[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<{ destroy(): void }>();

  static async open(program: Program): Promise<Proxy> {
    const proxy = new Proxy(program);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  private constructor(program: Program) {
    const to = (path: string | undefined, method: string | undefined, headers: IncomingHttpHeaders) =>
      request(new URL(path ?? '/', program.page), { method, headers, agent: false });
    this.#server = createServer((asked, answer) => {
      const passed = to(asked.url, asked.method, asked.headers).on('response', (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      asked.pipe(passed);
    });
    this.#server.on('upgrade', (asked, near) => {
      const { 'sec-websocket-protocol': protocol, ...headers } = asked.headers;
      this.asked.push(protocol);
      to(asked.url, 'GET', headers)
        .on('upgrade', (response, far) => {
          this.#sockets.add(near);
          const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
          near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
          near.on('error', () => far.destroy()).on('close', () => far.destroy());
          far.on('error', () => near.destroy()).on('close', () => near.destroy());
          near.pipe(far).pipe(near);
        })
        .on('error', () => near.destroy())
        .end();
    });
  }

  get address(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  close(): void {
    this.cut();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

test('without an answer to the subprotocol the page uses a plain tunnel, and asks once only', async ({ program, visit, user }) => {
  const proxy = await Proxy.open(program);
  try {
    const [anna, bert] = [await visit({ address: proxy.address }), await user('bert')];
    await anna.register('anna');
    await anna.addContact('bert');
    await bert.acceptContact('anna');
    await anna.openChat('bert');
    await anna.saySafely('through the proxy');
    expect(proxy.asked).toEqual(['mig33.resume, mig33', undefined]);

    proxy.cut();
    await anna.saySafely('after the cut');
    expect(proxy.asked).toEqual(['mig33.resume, mig33', undefined, undefined]);
    for (const text of ['through the proxy', 'after the cut']) expect((await bert.message()).text).toBe(text);
  } finally {
    proxy.close();
  }
});
