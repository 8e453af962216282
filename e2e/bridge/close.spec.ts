// How a tunnel ends: every close code, and what still gets through.
import { integer } from '../handset/packet';
import { Tunnel } from '../harness/tunnel';
import { Upstream } from '../harness/upstream';
import { LARGEST, packet } from './packets';
import { expect, test } from './bridged';

test('a text message is refused with 1003', async ({ pair }) => {
  const { near, far } = await pair();
  near.sendText('{"hello": true}');
  expect((await near.closed).code).toBe(1003);
  expect(await far.ended).toBe('RST');
  expect(far.bytes.length).toBe(0);
});

const BAD: [string, Buffer][] = [
  ['another MAGIC', Buffer.concat([Buffer.from([3]), packet(1).subarray(1)])],
  ['a packet cut short', packet(1, 50).subarray(0, 40)],
  ['half a header', packet(1).subarray(0, 5)],
  ['bytes after a packet', Buffer.concat([packet(1), Buffer.from([2])])],
  ['a length over the limit', Buffer.concat([packet(1).subarray(0, 5), integer(0xffff_ffff, 4)])],
];

for (const [what, bytes] of BAD) {
  test(`bad framing is refused with 1002: ${what}`, async ({ pair }) => {
    const { near, far } = await pair();
    near.send(bytes);
    expect((await near.closed).code).toBe(1002);
    expect(await far.ended).toBe('RST');
  });
}

test('a packet cut across two messages is bad framing', async ({ pair }) => {
  const { near, far } = await pair();
  near.send(packet(1, 50).subarray(0, 30));
  near.send(packet(1, 50).subarray(30));
  expect((await near.closed).code).toBe(1002);
  expect(await far.ended).toBe('RST');
});

test('a message over the largest packet is refused with 1009', async ({ pair }) => {
  const { near, far } = await pair();
  near.send(Buffer.concat([LARGEST, packet(2)]));
  expect((await near.closed).code).toBe(1009);
  expect(await far.ended).toBe('RST');
});

test('1009 reaches a client that is still sending', async ({ pair }) => {
  const { near } = await pair();
  near.send(Buffer.alloc(4_000_000, 2));
  expect((await near.closed).code).toBe(1009);
});

test('an upstream that cannot be reached is 1013 with a reason', async ({ start }) => {
  const gone = await Upstream.open();
  const { address } = gone;
  await gone.close();
  const bridge = await start({ upstream: address });
  const near = await Tunnel.open(bridge.webSocket);
  const { code, reason } = await near.closed;
  expect(code).toBe(1013);
  expect(reason).not.toBe('');
  expect(reason).not.toContain(address);
});

test('the program says 1012 when it is asked to end', async ({ pair, bridge }) => {
  const { near, far } = await pair();
  near.send(packet(1));
  await expect.poll(() => far.bytes.length).toBe(packet(1).length);
  bridge.terminate();
  expect((await near.closed).code).toBe(1012);
  expect((await bridge.exited).code).toBe(0);
});

test("the upstream's end delivers the rest, then 1000", async ({ pair }) => {
  const { near, far } = await pair();
  const rest = Buffer.concat([packet(1, 300_000), packet(2, 300_000), packet(3)]);
  far.socket.end(rest);
  expect((await near.closed).code).toBe(1000);
  expect(near.bytes.equals(rest)).toBe(true);
});

test("the upstream's reset is 1011", async ({ pair }) => {
  const { near, far } = await pair();
  far.socket.write(packet(1));
  await expect.poll(() => near.messages.length).toBe(1);
  far.socket.resetAndDestroy();
  expect((await near.closed).code).toBe(1011);
});

test("the upstream's garbage does not reach the page", async ({ pair }) => {
  const { near, far } = await pair();
  far.socket.write(Buffer.concat([packet(1), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]));
  expect([1002, 1011]).toContain((await near.closed).code);
  expect(near.frames.length).toBeLessThanOrEqual(1);
});

test("the client's close lets what it sent arrive, then FIN", async ({ pair }) => {
  const { near, far } = await pair();
  const last = Buffer.concat([packet(1, 200_000), packet(2)]);
  near.send(last);
  near.socket.close(1000);
  expect(await far.ended).toBe('FIN');
  expect(far.bytes.equals(last)).toBe(true);
  expect((await near.closed).code).toBe(1000);
});

test('a client that vanishes breaks off the upstream, too', async ({ pair }) => {
  const { near, far } = await pair();
  near.send(packet(1));
  await expect.poll(() => far.bytes.length).toBe(packet(1).length);
  near.socket.terminate();
  expect(await far.ended).toBe('RST');
});
