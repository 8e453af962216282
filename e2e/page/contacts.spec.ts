// Contacts in the page: rejected, removed, their presence and status, and one's own.
import { value } from '../handset/catalogue';
import { png } from '../harness/png';
import { expect, test } from './visit';

test('a request can be rejected', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await bert.addContact('anna');
  const requests = anna.page.getByRole('region', { name: 'Contact requests' });
  await requests.getByRole('button', { name: 'Reject bert' }).click();
  await expect(requests).toHaveCount(0);
  await expect(anna.entry('bert')).toHaveCount(0);
  await anna.page.reload();
  await anna.isLoggedIn();
  await expect(requests).toHaveCount(0);
});

test('a request that came while one was away is there', async ({ visit, user, connect }) => {
  const handset = await connect();
  await handset.register({ username: 'anna', password: 'SeCreT1' });
  await (await user('bert')).addContact('anna');
  const anna = await visit();
  await anna.tryToLogIn('anna', 'SeCreT1');
  await anna.accept('bert');
});

test('a name that is not there is answered in words', async ({ registered }) => {
  const anna = await registered('anna');
  await anna.chats.getByRole('button', { name: 'Add contact' }).click();
  const dialog = anna.page.getByRole('dialog', { name: 'Add contact' });
  await dialog.getByRole('textbox', { name: 'Username' }).fill('x');
  await dialog.getByRole('button', { name: 'Send request' }).click();
  await expect(anna.page.getByRole('alert')).toBeVisible();
  await anna.page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('presence and status message are seen, by words', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  const contact = await bert.acceptContact('anna');
  await expect(anna.entry('bert')).toHaveAccessibleName(/^bert, available/i);
  for (const [presence, words] of [['AWAY', /^bert, away/i], ['BUSY', /^bert, busy/i], ['OFFLINE', /^bert, offline/i]] as const) {
    await bert.request('SET_PRESENCE', { presence: value('Presence', presence) });
    await expect(anna.entry('bert')).toHaveAccessibleName(words);
  }
  await bert.request('SET_STATUS_MESSAGE', { status_message: 'on the train' });
  await expect(anna.entry('bert')).toContainText('on the train');

  await anna.chats.getByLabel('Presence').selectOption('Busy');
  await bert.unasked(
    'PRESENCE',
    (packet) => packet.number('contact_id') === contact.number('contact_id') && packet.number('presence') === value('Presence', 'BUSY'),
  );
  await anna.chats.getByRole('textbox', { name: 'Status message' }).fill('in a meeting');
  await anna.chats.getByRole('textbox', { name: 'Status message' }).press('Enter');
  expect((await bert.unasked('STATUS_MESSAGE')).text('status_message')).toBe('in a meeting');

  await anna.page.reload();
  await expect(anna.chats.getByRole('textbox', { name: 'Status message' })).toHaveValue('in a meeting');
  await expect(anna.chats.getByLabel('Presence')).toHaveValue(/3|busy/i);
});

test('a contact is removed on both sides', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await anna.page.getByRole('button', { name: 'Actions' }).click();
  await anna.page.getByRole('group', { name: 'Actions' }).getByRole('button', { name: 'Remove contact' }).click();
  const sure = anna.page.getByRole('dialog').getByRole('button', { name: /remove/i });
  if (await sure.isVisible()) await sure.click();
  await expect(anna.entry('bert')).toHaveCount(0);
  expect((await bert.contactList()).contacts).toEqual([]);
});

test('contacts stand in their groups', async ({ registered, user, logIn }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  const desk = await logIn('anna');
  await desk.request('ADD_GROUP', { group_name: 'Old friends' });
  const { groups, contacts } = await desk.contactList();
  const group_id = groups.find((group) => group.text('group_name') === 'Old friends')?.number('group_id') ?? 0;
  await desk.request('MOVE_CONTACT', { contact_id: contacts[0]?.number('contact_id') ?? 0, group_id });
  await anna.page.reload();
  const group = anna.chats.getByRole('group', { name: /Old friends/ }).or(anna.chats.getByRole('region', { name: /Old friends/ })).or(anna.chats.getByRole('list', { name: /Old friends/ }));
  await expect(group.first()).toContainText('bert');
});

test('a request that is open says so and can be cancelled; a yes is told, a no never', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await anna.openChat('bert');
  const main = anna.page.getByRole('main');
  await expect(main).toContainText('Request sent');
  await expect(anna.composer).toHaveCount(0);
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/offline/i);
  // a no looks the same, also after a reload
  await bert.request('REJECT_CONTACT_REQUEST', { username: 'anna' });
  await anna.page.reload();
  await expect(main).toContainText('Request sent');
  await main.getByRole('button', { name: 'Cancel' }).click();
  await expect(anna.entry('bert')).toHaveCount(0);

  const carl = await user('carl');
  await anna.addContact('carl');
  await anna.openChat('carl');
  await expect(anna.composer).toHaveCount(0);
  await carl.acceptContact('anna');
  await expect(anna.page.getByText('carl accepted your contact request.')).toBeVisible();
  await anna.say('hello');
  expect((await carl.message()).text).toBe('hello');
});

test("a stranger's chat offers to add them", async ({ registered, user }) => {
  const [anna] = [await registered('anna'), await user('bert')];
  await anna.page.evaluate(() => { location.hash = '#/chat/bert'; });
  const main = anna.page.getByRole('main');
  await expect(main).toContainText('bert is not one of your contacts.');
  await expect(anna.composer).toHaveCount(0);
  // no picture is taken where nothing can be said
  const picture = { name: 'holiday.png', mimeType: 'image/png', buffer: png(16, 9) };
  await anna.give(['dragenter', 'dragover'], [picture]);
  expect(await anna.give('paste', [picture], anna.page.locator('body'))).toBe(false);
  await anna.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await expect(anna.page.locator('.drop-target')).toHaveCount(0);
  await anna.give(['drop'], [picture]);
  await anna.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await expect(anna.page.locator('.tray-card')).toHaveCount(0);
  await main.getByRole('button', { name: 'Add to contacts' }).click();
  await expect(main).toContainText('Request sent');
});
