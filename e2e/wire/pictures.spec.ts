// Pictures by link: one upload by HTTP, then an address to see it (spec/wire.md section 4).
import { randomFillSync } from 'node:crypto';
import { value } from '../handset/catalogue';
import { refusal } from '../handset/handset';
import { befriend, expect, test } from '../harness/fixtures';
import { noisyPng, png } from '../harness/png';

const put = (address: URL, body: Buffer, type = 'image/png') =>
  fetch(address, { method: 'PUT', body: new Uint8Array(body), headers: { 'content-type': type } });

test('a picture is put once, and both have it', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const address = await anna.uploadAddress('bert');
  const picture = png(64, 48);
  expect((await put(address, picture)).status).toBe(201);
  expect((await put(address, picture)).status).toBe(410);

  const notice = await bert.unasked('FILE_RECEIVED');
  for (const handset of [anna, bert]) {
    expect(await handset.message()).toMatchObject({ from: 'anna', contentType: 5, text: notice.text('url') });
  }
  const unasked = bert.connection.received.map(({ name }) => name);
  expect(unasked.indexOf('FILE_RECEIVED')).toBeLessThan(unasked.indexOf('MESSAGE'));
  expect(notice.text('source')).toBe('anna');
  expect(notice.text('text')).toContain('anna');
  const view = await fetch(notice.text('url'));
  expect(view.status).toBe(200);
  expect(view.headers.get('content-type')).toBe('image/png');
  expect(view.headers.get('x-content-type-options')).toBe('nosniff');
  expect(Buffer.from(await view.arrayBuffer()).equals(picture)).toBe(true);

  for (const [handset, other] of [[anna, 'bert'], [bert, 'anna']] as const) {
    const [message] = await handset.history('PRIVATE', other);
    expect(message).toMatchObject({ from: 'anna', contentType: value('ContentType', 'EXISTING_FILE'), text: notice.text('url') });
  }
});

test('the address to see it is nobody else\'s to guess', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const upload = await anna.uploadAddress('bert');
  await put(upload, png(8, 8));
  const url = (await bert.unasked('FILE_RECEIVED')).text('url');
  expect(url).not.toContain(upload.pathname.split('/').at(-1));
  const secret = new URL(url).pathname.split('/').at(-1) ?? '';
  expect(secret.replace(/\.\w+$/, '').length).toBeGreaterThanOrEqual(22); // 128 bits in base64
  const other = url.replace(secret, secret.replace(/./g, (letter) => (letter === 'a' ? 'b' : 'a')));
  expect((await fetch(other)).status).toBe(404);
});

test('what is no picture is refused and does not use the address up', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const address = await anna.uploadAddress('bert');
  for (const body of [Buffer.from('<svg onload="alert(1)"/>'), Buffer.from('MZ\x90'), Buffer.alloc(0)]) {
    expect((await put(address, body)).status).toBeGreaterThanOrEqual(400);
  }
  expect((await put(address, png(8, 8))).status).toBe(201);
  await bert.unasked('FILE_RECEIVED');
});

test('the kind is told by the bytes, not by what is claimed', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  expect((await put(await anna.uploadAddress('bert'), png(8, 8), 'text/html')).status).toBe(201);
  const view = await fetch((await bert.unasked('FILE_RECEIVED')).text('url'));
  expect(view.headers.get('content-type')).toBe('image/png');
});

test('5 MB go in, more do not', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const address = await anna.uploadAddress('bert');
  const large = await put(address, noisyPng(5_400_000, randomFillSync)).then(
    ({ status }) => status,
    () => 'cut', // the server may stop reading before all is sent
  );
  expect([413, 'cut']).toContain(large);
  expect((await put(address, noisyPng(4_900_000, randomFillSync))).status).toBe(201);
});

test('an address that was never given is not found', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const address = await anna.uploadAddress('bert');
  const secret = address.pathname.split('/').at(-1) ?? '';
  address.pathname = address.pathname.replace(secret, 'a'.repeat(secret.length));
  expect((await put(address, png(8, 8))).status).toBe(404);
});

test('pictures go to contacts only', async ({ user }) => {
  const [anna] = [await user('anna'), await user('bert')];
  const [stranger, nobody] = [await refusal(anna.uploadAddress('bert')), await refusal(anna.uploadAddress('nobody'))];
  expect(stranger.text.replaceAll('bert', 'NAME')).toBe(nobody.text.replaceAll('nobody', 'NAME'));
});

test('UPLOAD_FILE does the same in one packet', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const file_content = png(64, 64, 10);
  const file_type = value('FileType', 'IMAGE');
  await anna.request('UPLOAD_FILE', { file_type, file_content, description: 'me', destination: 'bert' });
  const notice = await bert.unasked('FILE_RECEIVED');
  const view = await fetch(notice.text('url'));
  expect(Buffer.from(await view.arrayBuffer()).equals(file_content)).toBe(true);
  expect(await bert.message()).toMatchObject({ from: 'anna', contentType: 5, text: notice.text('url') });
});
