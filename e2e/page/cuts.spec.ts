// A bad line: the connection is cut again and again while two people write; everything arrives once, in order.
import { pageOf } from './door';
import { expect, test } from './visit';

// a socket that fails is told to the console by the browser itself
test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

test('nothing is lost, doubled or out of order', async ({ chat, program }) => {
  test.slow();
  const { door, anna, bert } = chat;

  const ofAnna: string[] = [];
  const ofBert: string[] = [];
  for (let cut = 0; cut < 5; cut++) {
    for (let number = 0; number < 3; number++) {
      ofAnna.push(`anna ${cut}-${number}.`);
      await anna.say(ofAnna.at(-1) ?? '');
      ofBert.push(`bert ${cut}-${number}.`);
      await bert.say('anna', ofBert.at(-1) ?? '');
    }
    door.down();
    door.restore(pageOf(program));
  }

  for (const text of ofAnna) expect((await bert.message()).text).toBe(text);
  await expect(anna.message(ofBert.at(-1) ?? '')).toBeVisible({ timeout: 30_000 });
  const articles = anna.page.getByRole('log').getByRole('article');
  await expect(articles).toHaveCount(30);
  const shown = (await articles.allTextContents()).map((text) => /(anna|bert) \d-\d\./.exec(text)?.[0] ?? text);
  expect(shown.filter((text) => text.startsWith('anna'))).toEqual(ofAnna);
  expect(shown.filter((text) => text.startsWith('bert'))).toEqual(ofBert);
  await expect(anna.page.getByRole('button', { name: 'Not sent. Retry' })).toHaveCount(0);
});

test('what was sent into a dead line is fetched, also when one has written since', async ({ chat, program }) => {
  const { door, anna, bert } = chat;
  await anna.saySafely('the line is good');
  await anna.page.reload();
  await anna.isInChat('bert');
  await expect(anna.banner).toHaveCount(0);
  await expect(anna.message('the line is good')).toBeVisible();

  door.mute();
  await bert.say('anna', 'never gets there');
  await anna.say('is anybody there?');
  expect((await bert.message((message) => message.text !== 'the line is good')).text).toBe('is anybody there?');
  door.down();
  door.restore(pageOf(program));
  await expect(anna.message('is anybody there?').locator('.state')).toHaveText(/Sent|Delivered/, { timeout: 20_000 });
  const articles = anna.page.getByRole('log').getByRole('article');
  await expect(articles).toContainText(['the line is good', 'never gets there', 'is anybody there?']);
  await expect(articles).toHaveCount(3);
});
