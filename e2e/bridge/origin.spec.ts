// Who may open a WebSocket: the page's own origin, programs without one, and those that are named.
import { Tunnel, UpgradeRefused } from '../harness/tunnel';
import { expect, test } from './bridged';

test('the own origin and none at all are let in', async ({ pair, bridge }) => {
  await pair();
  await pair({ origin: bridge.page.origin });
  await pair({ origin: 'http://chat.example:8443', headers: { host: 'chat.example:8443' } });
});

test('a foreign origin gets 403', async ({ bridge }) => {
  const foreign = [
    'http://evil.example',
    `http://evil.example:${bridge.page.port}`,
    `http://127.0.0.1:${Number(bridge.page.port) - 1}`,
    `http://127.0.0.1.evil.example:${bridge.page.port}`,
    'null',
  ];
  for (const origin of foreign) {
    const refused = await Tunnel.open(bridge.webSocket, { origin }).catch((error: unknown) => error);
    expect(refused, origin).toBeInstanceOf(UpgradeRefused);
    expect((refused as UpgradeRefused).status, origin).toBe(403);
  }
});

test.describe('with --allow-origin', () => {
  test.use({ programArgs: ['--allow-origin', 'http://127.0.0.1:8080'] });

  test('the named origin is let in, others still not', async ({ pair, bridge }) => {
    await pair({ origin: 'http://127.0.0.1:8080' });
    await pair({ origin: bridge.page.origin });
    const refused = await Tunnel.open(bridge.webSocket, { origin: 'http://127.0.0.1:8081' }).catch((error: unknown) => error);
    expect((refused as UpgradeRefused).status).toBe(403);
  });
});

test('the subprotocol mig33 is agreed to', async ({ bridge }) => {
  const near = await Tunnel.open(bridge.webSocket, {}, ['mig33']);
  expect(near.socket.protocol).toBe('mig33');
  near.socket.terminate();
});

test('/ws without an upgrade is no page', async ({ bridge }) => {
  const answer = await fetch(new URL('/ws', bridge.page));
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
});
