// What an operator sets, as handsets see it.
import { refusal } from '../handset/handset';
import { expect, PASSWORD, test } from '../harness/fixtures';

test.describe('the message of the day', () => {
  test.use({ programArgs: ['--motd', 'Cake at five'] });

  test('comes with LOGIN_OK', async ({ user }) => {
    const ok = (await user('anna')).connection.received.at(-1);
    expect(ok?.name).toBe('LOGIN_OK');
    expect(ok?.text('alert')).toBe('Cake at five');
    expect(ok?.text('username')).toBe('anna');
  });
});

test.describe('maintenance', () => {
  const TEXT = 'Back at noon: the disks get a rest';
  test.use({ programArgs: ['--maintenance', TEXT] });

  test('answers the log-in with its text (spec/wire.md section 3, LOGIN_NOTIFY)', async ({ connect }) => {
    const handset = await connect();
    const refused = await refusal(handset.logIn({ username: 'anna', password: PASSWORD }));
    expect(refused.text).toBe(TEXT);
    expect(handset.connection.received.at(-1)?.transaction).toBe(1);
  });
});
