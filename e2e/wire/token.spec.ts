// Stay-logged-in tokens: block 1001 (spec/wire.md section 8).
import type { Handset } from '../handset/handset';
import { expect, PASSWORD, test } from '../harness/fixtures';

const ASK = Buffer.alloc(0);

/** Whether a log-in with this token is answered by LOGIN_OK at once; gives the successor. */
async function byToken(handset: Handset, username: string, token: Buffer): Promise<Buffer | undefined> {
  const answer = await handset.ask('LOGIN', { username, initial_presence: 1, resume_token: token });
  if (answer.name === 'LOGIN_OK') return answer.bytes('resume_token');
  expect(answer.name).toBe('LOGIN_CHALLENGE');
  return undefined;
}

test('a token is given to who asks, and logs in at once', async ({ connect, user, logIn }) => {
  const plain = await user('anna');
  expect(plain.connection.received.at(-1)?.bytes('resume_token')).toBeUndefined();
  const asking = await connect();
  const token = (await asking.logIn({ username: 'anna', password: PASSWORD, token: ASK })).bytes('resume_token');
  expect(token?.length).toBe(32);
  const back = await connect();
  const successor = await byToken(back, 'anna', token ?? ASK);
  expect(successor?.length).toBe(32);
  expect(successor?.equals(token ?? ASK)).toBe(false);
  await back.keepAlive();
  await back.contactList();
  await logIn('anna');
});

test('a token is good until its successor is used, so that a lost answer logs nobody out', async ({ connect, user }) => {
  const anna = await user('anna', { token: ASK });
  const first = anna.connection.received.at(-1)?.bytes('resume_token') ?? ASK;
  const lost = await byToken(await connect(), 'anna', first);
  expect(lost).toBeDefined();
  const second = await byToken(await connect(), 'anna', first);
  expect(second).toBeDefined();
  const third = await byToken(await connect(), 'anna', second ?? ASK);
  expect(third).toBeDefined();
  expect(await byToken(await connect(), 'anna', first)).toBeUndefined();
});

test('a token dies at LOGOUT', async ({ connect, user }) => {
  const anna = await user('anna', { token: ASK });
  const token = anna.connection.received.at(-1)?.bytes('resume_token') ?? ASK;
  await anna.logOut();
  expect(await byToken(await connect(), 'anna', token)).toBeUndefined();
});

test('a token is good for its account only, and a made-up one for none', async ({ connect, user }) => {
  const anna = await user('anna', { token: ASK });
  await user('bert');
  const token = anna.connection.received.at(-1)?.bytes('resume_token') ?? ASK;
  expect(await byToken(await connect(), 'bert', token)).toBeUndefined();
  expect(await byToken(await connect(), 'anna', Buffer.alloc(32, 7))).toBeUndefined();
  expect(await byToken(await connect(), 'anna', Buffer.alloc(5, 7))).toBeUndefined();
  expect(await byToken(await connect(), 'anna', token)).toBeDefined();
});

test('a challenge after a dead token is answered as if there had been none', async ({ connect, user }) => {
  await user('anna');
  const handset = await connect();
  const ok = await handset.logIn({ username: 'anna', password: PASSWORD, token: Buffer.alloc(32, 9) });
  expect(ok.bytes('resume_token')?.length).toBe(32);
});
