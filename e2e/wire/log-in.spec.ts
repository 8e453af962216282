// Logging in: every hash kind, the numbers on the wire, what is refused before it (spec/wire.md sections 1 and 3).
import { refusal } from '../handset/handset';
import { passwordHash, type HashKind } from '../handset/hash';
import { expect, PASSWORD, test } from '../harness/fixtures';

for (const hash of ['sha1fold', 'javahash', 'javahash-lower'] satisfies HashKind[]) {
  test(`logs in with ${hash}`, async ({ user, logIn }) => {
    await user('anna', { hash });
    const ok = await (await logIn('ANNA', { hash })).keepAlive();
    expect(ok.name).toBe('PONG');
  });
}

test('log-in and contact list are requests 1, 2 and 3', async ({ user, logIn }) => {
  await user('anna');
  const handset = await logIn('anna');
  await handset.contactList();
  const answers = handset.connection.received.filter((packet) => packet.transaction !== 0);
  expect(answers.slice(0, 2).map((packet) => [packet.name, packet.transaction])).toEqual([
    ['LOGIN_CHALLENGE', 1],
    ['LOGIN_OK', 2],
  ]);
  expect(new Set(answers.slice(2).map((packet) => packet.transaction))).toEqual(new Set([3]));
  expect(answers.at(-1)?.name).toBe('GET_CONTACTS_COMPLETE');
  expect(answers.slice(2).map((packet) => packet.name)).toContain('GROUP');
});

test('any number is accepted and echoed', async ({ user }) => {
  const { connection } = await user('anna');
  for (const number of [32_767, 32_768, 65_535, 7, 7]) {
    connection.send('PING', {}, number);
    await connection.next((packet) => packet.name === 'PONG' && packet.transaction === number, `PONG ${number}`);
  }
});

test('the initial presence is read in any width', async ({ user }) => {
  const ok = (await user('anna', { presence: 'BUSY' })).connection.received.at(-1);
  expect(ok?.name).toBe('LOGIN_OK');
  expect(ok?.number('presence') ?? 3).toBe(3);
});

test('an unknown user and a wrong password sound the same', async ({ user, connect }) => {
  await user('anna');
  const wrong = await refusal((await connect()).logIn({ username: 'anna', password: 'wrong1' }));
  const unknown = await refusal((await connect()).logIn({ username: 'nobody', password: 'wrong1' }));
  expect(wrong.text).not.toBe('');
  expect([unknown.code, unknown.text]).toEqual([wrong.code, wrong.text]);
});

test('a challenge is good for one answer', async ({ user, connect }) => {
  await user('anna');
  const handset = await connect();
  const challenge = await handset.request('LOGIN', { username: 'anna' }, 'LOGIN_CHALLENGE');
  const answer = (password: string) => ({ password_hash: passwordHash('javahash', challenge.text('challenge'), password) });
  await refusal(handset.request('LOGIN_RESPONSE', answer('wrong1'), 'LOGIN_OK'));
  await refusal(handset.request('LOGIN_RESPONSE', answer(PASSWORD), 'LOGIN_OK'));
});

test('challenges and session ids never repeat', async ({ user, connect }) => {
  await user('anna');
  const seen = new Set<string>();
  for (let round = 0; round < 5; round++) {
    const challenge = await (await connect()).request('LOGIN', { username: 'anna' }, 'LOGIN_CHALLENGE');
    seen.add(challenge.text('challenge')).add(challenge.text('session_id'));
  }
  expect(seen.size).toBe(10);
});

test('nothing but KEEP_ALIVE is served before the log-in', async ({ user, connect }) => {
  await user('anna');
  const handset = await connect();
  await handset.keepAlive();
  const requests = ['GET_CONTACTS', 'MESSAGE', 'SET_PRESENCE', 'JOIN_CHATROOM', 'GET_CHATS', 'GET_URL', 'LOGIN_RESPONSE'];
  for (const request of requests) {
    await test.step(request, async () => {
      expect((await handset.ask(request)).name).toBe('ERROR');
    });
  }
  await handset.logIn({ username: 'anna', password: PASSWORD });
});

test('logging out ends the connection', async ({ user }) => {
  const handset = await user('anna');
  await handset.logOut();
});
