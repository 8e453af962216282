// The page in front of a server of another kind (spec/wire.md section 9).
import { packetKind } from '../handset/catalogue';
import { Elsewhere } from '../harness/elsewhere';
import type { Person } from './person';
import { expect, test as base } from './visit';

const test = base.extend<{ elsewhere: Elsewhere; anna: Person }>({
  elsewhere: async ({}, use) => {
    const server = await Elsewhere.open();
    await use(server);
    await server.close();
  },
  anna: async ({ elsewhere, start, visit }, use) => {
    const bridge = await start({ upstream: elsewhere.upstream.address });
    const anna = await visit({ address: bridge.page });
    await anna.tryToLogIn('anna', 'SeCreT1');
    await anna.isLoggedIn();
    await use(anna);
  },
});

/** CHATROOM_NOTIFICATION of that kind: room, what, who, text. */
const notification = (server: Elsewhere, kind: number, who: string, text: string): void => {
  const contents = ['Tea Room', Buffer.from([kind]), who, text];
  server.raw(packetKind('CHATROOM_NOTIFICATION').command, contents.map((content, at) => ({ id: at + 1, content: Buffer.from(content) })));
};

/** What the last packet of this name says there, for as long as it is waited for. */
const last = (server: Elsewhere, name: string, field: string) => () =>
  server.asked.findLast((packet) => packet.name === name)?.text(field);

test('what it does not serve raises no alert and has no form, and its rooms are found', async ({ anna, elsewhere }) => {
  await expect(anna.chats.getByRole('button', { name: 'Add contact' })).toHaveCount(0);
  await expect(anna.page.getByRole('alert')).toHaveCount(0);
  await anna.chats.getByRole('button', { name: 'Rooms' }).click();
  const dialog = anna.page.getByRole('dialog', { name: 'Rooms' });
  await dialog.getByRole('searchbox').fill('nowhere');
  await expect(dialog.getByText('No rooms found')).toBeVisible();
  await dialog.getByRole('textbox', { name: 'New room name' }).fill('Den');
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Unknown command.');
  await expect(dialog.getByRole('textbox', { name: 'New room name' })).toHaveCount(0);
  await dialog.getByRole('searchbox').fill('');
  await dialog.getByRole('button', { name: 'Join Tea Room' }).click();
  await anna.isInChat('Tea Room');
  await expect(anna.roomLog('Tea Room')).toContainText('No messages yet');
  await anna.say('hello');
  await expect(anna.message('hello').locator('.state')).toHaveText('Sent');
  await expect(anna.message('hello')).toHaveCount(1);
  await expect.poll(last(elsewhere, 'MESSAGE', 'destination')).toBe('Tea Room');
});

test('an address names a room as it is written, one that is refused says so, and a private chat is empty', async ({ anna, elsewhere }) => {
  await anna.page.evaluate(() => { location.hash = '#/room/Nowhere'; });
  await anna.isInChat('Nowhere');
  await expect(anna.roomLog('Nowhere')).not.toContainText('Loading');
  await anna.page.getByRole('button', { name: 'Join this room' }).click();
  await expect(anna.page.getByRole('main')).toContainText('There is no such room.');
  await expect(anna.page.getByRole('button', { name: 'Try again' })).toBeVisible();
  await expect(anna.roomLog('Nowhere')).not.toContainText('Loading');
  await anna.page.evaluate(() => { location.hash = '#/room/Tea%20Room'; });
  await anna.page.getByRole('button', { name: 'Join this room' }).click();
  await expect(anna.composer).toBeVisible();
  await expect.poll(last(elsewhere, 'JOIN_CHATROOM', 'chatroom_name')).toBe('Tea Room');
  await anna.page.evaluate(() => { location.hash = '#/chat/Bert'; });
  await expect(anna.log('Bert')).toContainText('No messages yet');
  await anna.say('hi');
  await expect.poll(last(elsewhere, 'MESSAGE', 'destination')).toBe('Bert');
});

test('who is kicked by a notification is told so; notices are said by nobody', async ({ anna, elsewhere }) => {
  await anna.page.evaluate(() => { location.hash = '#/room/Tea%20Room'; });
  await anna.page.getByRole('button', { name: 'Join this room' }).click();
  await expect(anna.composer).toBeVisible();
  const said = { destination_type: 3, destination: 'Tea Room', guid: 'g1' };
  elsewhere.send('MESSAGE', { ...said, source: 'bert', content_type: 6, content: 'bert waves' });
  await expect(anna.message('waves')).toHaveText(/^bert waves/);
  elsewhere.send('MESSAGE', { ...said, source: 'Tea Room', content_type: 1, content: 'Be kind.', guid: 'g2' });
  const log = anna.roomLog('Tea Room');
  await expect(log).toContainText('Be kind.');
  await expect(anna.message('Be kind.')).toHaveCount(0);
  notification(elsewhere, 0, 'anna', 'bert removed anna');
  await expect(anna.page.getByRole('main').getByRole('button', { name: 'Try again' })).toBeVisible();
  await expect(anna.composer).toHaveCount(0);
  await expect(anna.page.getByText('bert removed anna').first()).toBeVisible();
});

test('a server that wants the password again does not say that it was wrong', async ({ anna, elsewhere }) => {
  elsewhere.refuses = 'Wrong password.';
  elsewhere.cut();
  await expect(anna.page.getByRole('alert')).toContainText('asks for your password again', { timeout: 20_000 });
  await expect(anna.page.getByText('Wrong password.')).toHaveCount(0);
});
