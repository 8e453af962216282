// The layout: one thing at a time on a phone, side by side on a desk, nothing to scroll sideways.
import type { Person } from './person';
import { expect, test } from './visit';

const PHONE = { width: 360, height: 740 };

async function fits({ page }: Person): Promise<void> {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(content).toBeLessThanOrEqual(window ?? 0);
}

test('nothing scrolls sideways at 360 px, whatever is said', async ({ visit, user }) => {
  const [anna, bert] = [await visit({ viewport: PHONE }), await user('bert')];
  await fits(anna);
  await anna.register('anna');
  await fits(anna);
  await bert.request('SET_STATUS_MESSAGE', { status_message: 'Donaudampfschifffahrtsgesellschaft'.repeat(3) });
  await bert.addContact('anna');
  await expect(anna.page.getByRole('button', { name: 'Accept bert' })).toBeVisible();
  await fits(anna);
  await anna.accept('bert');
  await bert.say('anna', `https://example.com/${'long'.repeat(100)}`);
  await bert.say('anna', 'W'.repeat(300));
  await fits(anna);
  await anna.openChat('bert');
  await expect(anna.message('WWW')).toBeVisible();
  await fits(anna);
});

test('a phone shows list or chat, and Back goes back', async ({ visit, user }) => {
  const [anna, bert] = [await visit({ viewport: PHONE }), await user('bert')];
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await expect(anna.composer).toBeHidden();
  await anna.openChat('bert');
  await expect(anna.composer).toBeInViewport();
  await expect(anna.chats).toBeHidden();
  await anna.page.getByRole('button', { name: 'Back' }).click();
  await expect(anna.entry('bert')).toBeVisible();
  await expect(anna.composer).toBeHidden();
  await anna.openChat('bert');
  await anna.page.goBack();
  await expect(anna.entry('bert')).toBeVisible();
});

test('a desk shows list and chat side by side', async ({ visit, user }) => {
  const [anna, bert] = [await visit({ viewport: { width: 1440, height: 900 } }), await user('bert')];
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await expect(anna.chats).toBeVisible();
  const [list, log] = [await anna.chats.boundingBox(), await anna.log('bert').boundingBox()];
  expect(list?.width).toBeGreaterThanOrEqual(220);
  expect((list?.x ?? 0) + (list?.width ?? 0)).toBeLessThanOrEqual((log?.x ?? 0) + 1);
  await expect(anna.page.getByRole('button', { name: 'Back' })).toBeHidden();
});

test('what comes while one reads further up does not move the text', async ({ visit, user }) => {
  const [anna, bert] = [await visit({ viewport: PHONE }), await user('bert')];
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  for (let number = 1; number <= 40; number++) await bert.say('anna', `line ${number}.`);
  await anna.openChat('bert');
  await anna.page.getByRole('button', { name: 'Jump to' }).click();
  await expect(anna.message('line 40.')).toBeInViewport();
  await anna.message('line 20.').scrollIntoViewIfNeeded();
  await expect(anna.message('line 40.')).not.toBeInViewport();
  const before = await anna.message('line 20.').boundingBox();
  await bert.say('anna', 'news');
  await expect(anna.message('news')).toHaveCount(1);
  const after = await anna.message('line 20.').boundingBox();
  expect(Math.abs((after?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(2);
});
