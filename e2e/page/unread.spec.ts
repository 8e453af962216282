// Unread counts: they rise where one does not look, and are gone once one has.
import { expect, test } from './visit';

test('messages elsewhere are counted, and read when the chat is opened', async ({ registered, user }) => {
  const [anna, bert, carl] = [await registered('anna'), await user('bert'), await user('carl')];
  for (const handset of [bert, carl]) {
    await anna.addContact(handset.username);
    await handset.acceptContact('anna');
  }
  await anna.openChat('carl');
  await bert.say('anna', 'one');
  await bert.say('anna', 'two');
  await expect(anna.entry('bert')).toHaveAccessibleName(/2 unread/);
  await carl.say('anna', 'I am open');
  await expect(anna.message('I am open')).toBeVisible();
  await expect(anna.entry('carl')).not.toHaveAccessibleName(/unread/);

  await anna.page.reload();
  await expect(anna.entry('bert')).toHaveAccessibleName(/2 unread/);
  await anna.openChat('bert');
  await expect(anna.message('two')).toBeVisible();
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
  const read = await bert.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === 3);
  expect(read.text('message_guid')).not.toBe('');

  await anna.page.reload();
  await expect(anna.entry('bert')).toBeVisible();
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
});

test('talk in a room that is not open is counted', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await bert.joinRoom('Lobby');
  await anna.joinRoom('Lobby');
  await anna.openChat('bert');
  await bert.talk('Lobby', 'anybody?');
  await expect(anna.entry('Lobby')).toHaveAccessibleName(/^Lobby, room, 1 unread/);
  await anna.openChat('Lobby');
  await expect(anna.entry('Lobby')).not.toHaveAccessibleName(/unread/);
});
