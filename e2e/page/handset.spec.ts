// A browser and an old handset: they chat, and both meet another browser in the Lobby.
import { befriendThroughPage } from './person';
import { expect, test } from './visit';

test('a handset with the javahash chats with a browser', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia', { hash: 'javahash', presence: 'BUSY' })];
  await handset.addContact('anna');
  await anna.accept('nokia');
  await handset.becomesContact('anna');
  await expect(anna.entry('nokia')).toHaveAccessibleName(/^nokia, busy/i);

  await anna.openChat('nokia');
  await anna.say('hello from the browser');
  const message = await handset.message();
  expect(message).toMatchObject({ from: 'anna', text: 'hello from the browser' });
  handset.acknowledge(message);
  await expect(anna.message('hello from the browser').locator('.state')).toHaveText('Delivered');
  handset.acknowledge(message, 'READ');
  await expect(anna.message('hello from the browser').locator('.state')).toHaveText('Read');

  await handset.say('anna', 'hello from the handset');
  await expect(anna.message('hello from the handset')).toHaveAccessibleName(/^nokia, /);
});

test('three meet in the Lobby', async ({ registered, user }) => {
  const [anna, bert, handset] = [await registered('anna'), await registered('bert'), await user('nokia')];
  await handset.joinRoom('Lobby');
  await anna.joinRoom('Lobby');
  await bert.joinRoom('Lobby');

  await handset.talk('Lobby', 'three of us');
  await anna.say('hello to both');
  await expect(bert.message('hello to both')).toHaveAccessibleName(/^anna, /);
  await bert.say('and from me');
  for (const person of [anna, bert]) {
    await expect(person.roomLog('Lobby').getByRole('article')).toContainText(['three of us', 'hello to both', 'and from me']);
  }
  expect((await handset.message()).text).toBe('hello to both');
  expect((await handset.message()).text).toBe('and from me');

  await handset.request('LEAVE_CHATROOM', { chatroom_name: 'Lobby' });
  await expect(anna.roomLog('Lobby')).toContainText(/nokia.*left/i);
});

test('a handset and a browser exchange nothing twice when both write at once', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await registered('bert')];
  const handset = await user('nokia');
  await befriendThroughPage(anna, 'anna', bert, 'bert');
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  const fromHandset = Array.from({ length: 20 }, (_, at) => handset.say('anna', `handset ${at}.`));
  for (let at = 0; at < 20; at++) await anna.say(`browser ${at}.`);
  await Promise.all(fromHandset);
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(40);
  for (let at = 0; at < 20; at++) {
    expect((await handset.message()).text).toBe(`browser ${at}.`);
    await expect(anna.message(`handset ${at}.`)).toHaveCount(1);
  }
});
