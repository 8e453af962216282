// The bridge's own pings: a tunnel that rests is still asked whether its peer is there.
import { once } from 'node:events';
import { expect, test } from './bridged';

test('a silent tunnel is pinged within 30 s, and stays open', async ({ pair }) => {
  const { near } = await pair();
  await once(near.socket, 'ping', { signal: AbortSignal.timeout(30_000) });
  expect(near.socket.readyState).toBe(near.socket.OPEN);
});
