// Registration and its rules (spec/wire.md section 3).
import { refusal } from '../handset/handset';
import { expect, PASSWORD, test } from '../harness/fixtures';

test('a new user is welcomed, and logs in on the same connection', async ({ connect }) => {
  const handset = await connect();
  expect(await handset.register({ username: 'anna', password: PASSWORD })).not.toBe('');
  expect(handset.connection.received.at(-1)?.transaction).toBe(2);
  const ok = await handset.logIn({ username: 'anna', password: PASSWORD });
  expect(ok.transaction).toBe(4);
});

const LEGAL = ['abc', 'Anna', 'a1_b-c.d', 'z'.repeat(32), 'x_-_-'];
const ILLEGAL = ['', 'ab', 'z'.repeat(33), '1abc', '_abc', 'an..na', 'an na', 'änna', '.anna', 'a@b.c', 'anna\n'];

test('usernames are letters, digits, "_", "-" and single dots, 3 to 32', async ({ connect }) => {
  const handset = await connect();
  for (const username of LEGAL) {
    await test.step(`"${username}"`, () => handset.register({ username, password: PASSWORD }));
  }
  for (const username of ILLEGAL) {
    await test.step(`not "${username}"`, async () => {
      expect((await refusal(handset.register({ username, password: PASSWORD }))).text).not.toBe('');
    });
  }
});

test('a name is taken whatever its case', async ({ connect, logIn }) => {
  const handset = await connect();
  await handset.register({ username: 'Anna', password: PASSWORD });
  expect((await refusal(handset.register({ username: 'aNNA', password: 'another1' }))).text).not.toBe('');
  await logIn('anna');
});

test('passwords are 6 to 60 characters', async ({ connect, logIn }) => {
  const handset = await connect();
  for (const password of ['', '12345', 'x'.repeat(61)]) {
    await test.step(`${password.length} characters`, () => refusal(handset.register({ username: 'anna', password })));
  }
  await handset.register({ username: 'short', password: '123456' });
  await handset.register({ username: 'long', password: 'ü'.repeat(60) });
  await logIn('short', { password: '123456' });
  await logIn('long', { password: 'ü'.repeat(60) });
});

test('a required block that is missing is named', async ({ connect }) => {
  const handset = await connect();
  const complete = { service_type: 1, username: 'anna', password: PASSWORD, mobile_phone: '4915112345678' };
  for (const missing of ['username', 'password'] as const) {
    const { [missing]: _, ...fields } = complete;
    const refused = await refusal(handset.request('NEW_REGISTRATION', fields));
    expect(refused.code).toBe(1);
    expect(refused.text.toLowerCase()).toContain(missing);
  }
  await handset.request('NEW_REGISTRATION', complete);
});
