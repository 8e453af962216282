// A message that the server refuses: it stays, says so, and can be tried again.
import { pageOf } from './door';
import { expect, test } from './visit';

test.use({ settings: '[server.limits]\ntext_bytes = 100', expectedComplaints: /WebSocket connection to/ });

test('is kept with a button to try again', async ({ chat, program, start }) => {
  const { door, anna } = chat;
  const long = 'a long story '.repeat(10).trim();
  await anna.say(long);
  const retry = anna.message('a long story').getByRole('button', { name: 'Not sent. Retry' });
  await expect(retry).toBeVisible();
  await anna.saySafely('a short one');

  await program.stop();
  await expect(anna.banner).toBeVisible();
  const again = await start();
  door.restore(pageOf(again));
  await expect(anna.banner).toHaveCount(0, { timeout: 20_000 });
  await retry.click();
  await expect(anna.message('a long story').locator('.state')).toHaveText(/Sent/);
  await expect(anna.message('a long story')).toHaveCount(1);
});
