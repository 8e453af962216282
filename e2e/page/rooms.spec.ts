// Rooms in the page: found, made, joined, their members, left.
import { expect, test } from './visit';

test('a room is made, found by another, talked in and left', async ({ registered }) => {
  const [anna, bert] = [await registered('anna'), await registered('bert')];
  await anna.chats.getByRole('button', { name: 'Rooms' }).click();
  const dialog = anna.page.getByRole('dialog', { name: 'Rooms' });
  await expect(dialog.getByRole('button', { name: 'Join Lobby' })).toBeVisible();
  await dialog.getByRole('textbox', { name: 'New room name' }).fill('Tea and Cake');
  await dialog.getByRole('textbox', { name: 'Description (optional)' }).fill('what it says');
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await expect(anna.roomLog('Tea and Cake')).toBeVisible();

  await bert.chats.getByRole('button', { name: 'Rooms' }).click();
  await bert.page.getByRole('searchbox', { name: 'Search rooms' }).fill('cake');
  await expect(bert.page.getByRole('button', { name: 'Join Lobby' })).toHaveCount(0);
  await bert.page.getByRole('button', { name: 'Join Tea and Cake' }).click();
  await expect(bert.roomLog('Tea and Cake')).toBeVisible();

  await expect(anna.roomLog('Tea and Cake')).toContainText(/bert.*joined/i);
  await anna.say('welcome bert');
  await expect(bert.message('welcome bert')).toBeVisible();
  const members = bert.page.getByRole('complementary', { name: 'Members' });
  if (!(await members.isVisible())) await bert.page.getByRole('button', { name: 'Members' }).click();
  await expect(members).toContainText('anna');
  await expect(members).toContainText('bert');

  await bert.page.getByRole('button', { name: 'Actions' }).click();
  await bert.page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: 'Leave room' }).click();
  await expect(bert.entry('Tea and Cake')).toHaveCount(0);
  await expect(anna.roomLog('Tea and Cake')).toContainText(/bert.*left/i);
});

test('who joins sees what was said before, and is still in after a reload', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await bert.joinRoom('Lobby');
  await bert.talk('Lobby', 'said before');
  await anna.joinRoom('Lobby');
  await expect(anna.message('said before')).toHaveAccessibleName(/^bert, /);
  await anna.page.reload();
  await expect(anna.roomLog('Lobby')).toBeVisible();
  await expect(anna.message('said before')).toHaveCount(1);
  await bert.talk('Lobby', 'said after');
  await expect(anna.message('said after')).toBeVisible();
  await anna.say('I am back');
  expect((await bert.message()).text).toBe('I am back');
});

test('Back closes what is opened after a room was left by its menu', async ({ registered }) => {
  const anna = await registered('anna', { viewport: { width: 360, height: 640 } });
  const { page } = anna;
  await anna.joinRoom('Lobby');
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: 'Leave room' }).click();
  await anna.chats.getByRole('button', { name: 'Rooms' }).click();
  const dialog = page.getByRole('dialog', { name: 'Rooms' });
  await expect(dialog).toBeVisible();
  await page.goBack();
  await expect(dialog).toBeHidden();
  await expect(anna.chats).toBeVisible();
});

test('Back closes the members that lie over a room that is opened again', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: { width: 800, height: 640 } }), await user('bert')];
  const { page } = anna;
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.joinRoom('Lobby');
  const members = page.getByRole('complementary', { name: 'Members' });
  await page.getByRole('button', { name: 'Members' }).click();
  await expect(members).toBeVisible();
  await anna.openChat('bert');
  await anna.openChat('Lobby');
  await expect(members).toBeVisible();
  await page.goBack();
  await expect(members).toBeHidden();
  await anna.isInChat('Lobby');
});
