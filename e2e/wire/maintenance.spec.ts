// A service under maintenance says so at LOGIN_1 (spec/wire.md section 3, LOGIN_NOTIFY).
import { refusal } from '../handset/handset';
import { expect, PASSWORD, test } from '../harness/fixtures';

const TEXT = 'Back at noon: the disks get a rest';

test.use({ programArgs: ['--maintenance', TEXT] });

test('the log-in is answered with the text', async ({ connect }) => {
  const handset = await connect();
  const refused = await refusal(handset.logIn({ username: 'anna', password: PASSWORD }));
  expect(refused.text).toBe(TEXT);
  expect(handset.connection.received.at(-1)?.transaction).toBe(1);
});
