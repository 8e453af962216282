// The admin listener: health, readiness, metrics, and only there.
import { expect, test } from '../harness/fixtures';
import { Tunnel } from '../harness/tunnel';

test('health and readiness are answered', async ({ program }) => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await fetch(new URL(path, program.admin));
    expect(answer.status, path).toBe(200);
    expect(answer.headers.get('x-content-type-options'), path).toBe('nosniff');
  }
});

test('metrics are in the Prometheus form and count tunnels', async ({ program }) => {
  const metrics = async () => (await fetch(new URL('/metrics', program.admin))).text();
  const sum = (text: string) =>
    text
      .split('\n')
      .filter((line) => /^mig33_bridge_connections\w* \d+$/.test(line))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  const before = await metrics();
  expect(before).toMatch(/^# TYPE \w+ (counter|gauge|histogram)$/m);
  const tunnel = await Tunnel.open(program.webSocket);
  await expect.poll(async () => sum(await metrics())).toBeGreaterThan(sum(before));
  tunnel.socket.terminate();
});

test("the page's listener tells none of it", async ({ program }) => {
  for (const path of ['/healthz', '/readyz', '/metrics']) {
    expect((await fetch(new URL(path, program.page))).status, path).toBe(404);
  }
});
