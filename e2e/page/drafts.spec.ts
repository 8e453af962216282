// Drafts: kept per chat, also over a reload.
import { befriend } from '../harness/fixtures';
import { expect, test } from './visit';

test('each chat keeps its own draft', async ({ registered, user }) => {
  const [anna, bert, carl] = [await registered('anna'), await user('bert'), await user('carl')];
  await befriend(bert, carl);
  for (const handset of [bert, carl]) {
    await anna.addContact(handset.username);
    await handset.acceptContact('anna');
  }
  await anna.openChat('bert');
  await anna.composer.fill('for bert, later');
  await anna.openChat('carl');
  await expect(anna.composer).toHaveValue('');
  await anna.composer.fill('for carl, later');
  await anna.openChat('bert');
  await expect(anna.composer).toHaveValue('for bert, later');

  await anna.page.reload();
  await anna.isInChat('bert');
  await expect(anna.composer).toHaveValue('for bert, later');
  await anna.openChat('carl');
  await expect(anna.composer).toHaveValue('for carl, later');
  await anna.composer.press('Enter');
  expect((await carl.message()).text).toBe('for carl, later');

  await anna.page.reload();
  await anna.isInChat('carl');
  await expect(anna.composer).toHaveValue('');
});
