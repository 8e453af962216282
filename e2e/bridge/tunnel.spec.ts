// What goes in at one end comes out at the other: whole packets, every byte, in order.
import { LARGEST, packet } from './packets';
import { expect, test } from './bridged';

test('several packets in one message go up as they are', async ({ pair }) => {
  const { near, far } = await pair();
  const message = Buffer.concat([packet(1), packet(2, 0), packet(3, 3000)]);
  near.send(message);
  near.send(packet(4));
  const all = Buffer.concat([message, packet(4)]);
  await expect.poll(() => far.bytes.length).toBe(all.length);
  expect(far.bytes.equals(all)).toBe(true);
});

test('what comes down is cut into messages of whole packets', async ({ pair }) => {
  const { near, far } = await pair();
  const stream = Buffer.concat(Array.from({ length: 40 }, (_, at) => packet(at + 1, at * 37)));
  for (let at = 0; at < stream.length; at += 1000) far.socket.write(stream.subarray(at, at + 1000));
  await expect.poll(() => near.bytes.length).toBe(stream.length);
  expect(near.bytes.equals(stream)).toBe(true);
  expect(near.frames.length).toBe(40);
});

test('half a packet waits for its other half', async ({ pair }) => {
  const { near, far } = await pair();
  far.socket.write(packet(1, 50).subarray(0, 30));
  near.send(packet(9));
  await expect.poll(() => far.bytes.length).toBe(packet(9).length);
  expect(near.messages).toEqual([]);
  far.socket.write(packet(1, 50).subarray(30));
  await expect.poll(() => near.frames.length).toBe(1);
  expect(near.bytes.equals(packet(1, 50))).toBe(true);
});

test('the largest packet passes both ways', async ({ pair }) => {
  const { near, far } = await pair();
  near.send(LARGEST);
  await expect.poll(() => far.bytes.length).toBe(LARGEST.length);
  far.socket.write(LARGEST);
  await expect.poll(() => near.bytes.length).toBe(LARGEST.length);
  expect(near.bytes.equals(LARGEST)).toBe(true);
});

test('a side that does not read holds the other back, and nothing is lost', async ({ pair, bridge }) => {
  const { near, far } = await pair();
  far.socket.pause();
  const part = packet(7, 100_000);
  const parts = 400; // 40 MB: more than any socket's buffers
  for (let sent = 0; sent < parts; sent++) near.send(part);
  const second = await pair();
  second.near.send(packet(1));
  await expect.poll(() => second.far.bytes.length).toBe(packet(1).length);
  expect(near.socket.bufferedAmount).toBeGreaterThan(part.length);
  let got = 0;
  far.socket.removeAllListeners('data');
  far.socket.on('data', (chunk) => (got += chunk.length));
  far.socket.resume();
  await expect.poll(() => got, { timeout: 20_000 }).toBe(parts * part.length);
  expect(bridge.running).toBe(true);
});
