// Coming back to a session that is still there (spec/wire.md section 8, block 18).
import { expect, test } from '../harness/fixtures';

test('a session is taken over with its rooms, and nobody sees it go', async ({ user, logIn }) => {
  const [watcher, old] = [await user('watcher'), await user('anna')];
  await watcher.joinRoom('Lobby');
  await old.joinRoom('Lobby');
  await watcher.unasked('CHATROOM_USER_STATUS');

  const back = await logIn('anna', { sessionId: old.sessionId });
  expect((await old.unasked('SESSION_TERMINATED')).text('reason')).toBe('taken over');
  await old.connection.ended;

  await watcher.talk('Lobby', 'still here?');
  expect(await back.message()).toMatchObject({ to: 'Lobby', text: 'still here?' });
  await back.talk('Lobby', 'yes');
  expect((await watcher.message()).text).toBe('yes');
  const statuses = watcher.connection.received.filter((packet) => packet.name === 'CHATROOM_USER_STATUS');
  expect(statuses.map((packet) => packet.text('username'))).toEqual(['anna']);
});

test('the proof is needed all the same', async ({ user, connect }) => {
  const [anna] = [await user('anna'), await user('bert')];
  const thief = await connect();
  await expect(thief.logIn({ username: 'anna', password: 'wrong1', sessionId: anna.sessionId })).rejects.toThrow('refused');
  await anna.keepAlive();
});

test("somebody else's session is not taken over", async ({ user, logIn }) => {
  const [anna] = [await user('anna'), await user('bert')];
  await anna.joinRoom('Lobby');
  const bert = await logIn('bert', { sessionId: anna.sessionId });
  await bert.keepAlive();
  await anna.keepAlive();
  expect(anna.connection.over).toBe(false);
});

test('a session that is gone is simply a new one', async ({ logIn, user }) => {
  const anna = await user('anna');
  await anna.logOut();
  await (await logIn('anna', { sessionId: anna.sessionId })).keepAlive();
  await (await logIn('anna', { sessionId: 'never-given' })).keepAlive();
});
