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

test.describe('silence', () => {
  test.use({ settings: '[server.limits]\nsilence_s = 2' });

  test('ends a session that is not kept alive, and no other (spec/wire.md section 3)', async ({ user }) => {
    const [silent, alive] = [await user('silent'), await user('alive')];
    await expect
      .poll(
        async () => {
          await alive.keepAlive();
          return silent.connection.over;
        },
        { intervals: [500], timeout: 10_000 },
      )
      .toBe(true);
    await alive.keepAlive();
  });
});

test.describe('javahash off', () => {
  test.use({ settings: '[server]\nhashes = ["sha1fold"]' });

  test('leaves the other kind', async ({ user, connect }) => {
    await user('anna', { hash: 'sha1fold' });
    await refusal((await connect()).logIn({ username: 'anna', password: PASSWORD, hash: 'javahash' }));
  });
});
