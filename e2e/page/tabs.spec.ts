// The same person in several tabs of one browser: all logged in, all up to date, and what becomes of them when their token is
// worth nothing.
import type { Relay } from '../harness/relay';
import { PASSWORD } from '../harness/fixtures';
import { png } from '../harness/png';
import { doorOf, pageOf } from './door';
import { Person } from './person';
import { expect, test } from './visit';

/** One more tab of the same browser, logged in by what the first one has kept. */
async function another(first: Person, door: Relay): Promise<Person> {
  const tab = await Person.open(first.page.context(), doorOf(door));
  await tab.isLoggedIn();
  return tab;
}

test('a second tab is logged in, and sees what the first one says', async ({ registered, program, user }) => {
  const [first, bert] = [await registered('anna'), await user('bert')];
  await first.addContact('bert');
  await bert.acceptContact('anna');
  await first.openChat('bert');
  await first.saySafely('from the first tab');

  const second = await Person.open(first.page.context(), program.page);
  await second.isLoggedIn();
  await second.openChat('bert');
  await expect(second.message('from the first tab')).toHaveCount(1);
  await second.saySafely('from the second tab');
  await expect(first.message('from the second tab')).toHaveAccessibleName(/^You, /);
  await bert.say('anna', 'to both');
  for (const tab of [first, second]) await expect(tab.message('to both')).toHaveCount(1);

  for (const tab of [first, second]) {
    await tab.page.reload();
    await tab.isLoggedIn();
  }
});

test('who logs out in one tab is out in all, and nothing of them stays', async ({ program, registered, user }) => {
  // somebody else in another tab of the same browser, who was here before
  const carl = await registered('carl');
  await carl.page.evaluate(() => {
    localStorage.setItem('mig33/draft/carl/@dora', 'of somebody else');
    localStorage.removeItem('mig33/account');
  });
  const [first, bert] = [await Person.open(carl.page.context(), program.page), await user('bert')];
  await first.register('anna');
  await first.addContact('bert');
  await bert.acceptContact('anna');
  // who does not answer is nobody else's business either
  await user('emil');
  await first.addContact('emil');
  await first.joinRoom('Lobby');
  await first.openChat('bert');
  const second = await Person.open(first.page.context(), program.page);
  await second.isLoggedIn();
  await second.openChat('bert');
  await second.composer.fill('not sent');
  const third = await Person.open(first.page.context(), program.page);
  await third.isLoggedIn();
  expect(await first.page.evaluate(() => Object.keys(localStorage))).toContain('mig33/asked/anna');

  await first.page.getByRole('button', { name: 'Log out' }).click();
  for (const tab of [first, second, third]) await expect(tab.page.getByRole('button', { name: 'Log in' })).toBeVisible();
  const kept = await first.page.evaluate(() => Object.keys(localStorage).filter((name) => /anna|account|#lobby|bert|emil/.test(name)));
  expect(kept).toEqual([]);
  expect(await first.page.evaluate(() => localStorage.getItem('mig33/draft/carl/@dora'))).toBe('of somebody else');
  await carl.isLoggedIn();
  await carl.page.reload();
  await carl.isLoggedIn();

  await first.tryToLogIn('anna', PASSWORD);
  await first.isLoggedIn();
  await first.openChat('bert');
  await expect(first.composer).toHaveValue('');
  await expect(second.page.getByRole('button', { name: 'Log in' })).toBeVisible();
});

test('who is out since they have logged in again elsewhere takes nothing from that log-in', async ({ program, registered }) => {
  const first = await registered('anna');
  const second = await Person.open(first.page.context(), program.page);
  await second.isLoggedIn();
  await first.page.evaluate(() => {
    localStorage.setItem('mig33/sign/anna', 'of a newer log-in');
    localStorage.setItem('mig33/motd/anna', 'dismissed there');
  });
  await expect(second.page.getByRole('button', { name: 'Log in' })).toBeVisible();
  const kept = await first.page.evaluate(() => ['account', 'motd/anna'].map((name) => localStorage.getItem(`mig33/${name}`)));
  expect(kept).toEqual(['anna', 'dismissed there']);
});

test('a draft that one tab has sent goes from the others, unless there is more of it', async ({ program, registered, user }) => {
  const [first, bert] = [await registered('anna'), await user('bert')];
  await first.addContact('bert');
  await bert.acceptContact('anna');
  await first.openChat('bert');
  await first.composer.fill('see you');
  const second = await Person.open(first.page.context(), program.page);
  await second.isLoggedIn();
  await second.openChat('bert');
  await expect(second.composer).toHaveValue('see you');
  await first.composer.press('Enter');
  await expect(second.composer).toHaveValue('');

  await first.composer.fill('and');
  await second.composer.fill('and then');
  await first.composer.press('Enter');
  await expect(second.message('and')).toHaveCount(1);
  await expect(second.composer).toHaveValue('and then');
  await second.page.reload();
  await second.isInChat('bert');
  await expect(second.composer).toHaveValue('and then');
});

test.describe('a token that is worth nothing', () => {
  // a socket that fails is told to the console by the browser itself
  test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

  test('who logs in again in one tab is back in the other', async ({ program, relay, start, visit, dataDir }) => {
    const door = await relay(pageOf(program));
    const first = await visit({ address: doorOf(door) });
    await first.register('anna');
    const [second, fourth] = [await another(first, door), await another(first, door)];
    await program.kill();
    door.restore(pageOf(await start({ dataDir: `${dataDir}/empty` })));
    for (const tab of [first, second, fourth]) {
      await expect(tab.page.getByText('Please log in again.')).toBeVisible({ timeout: 20_000 });
    }
    // no form is taken away from under the fingers of whoever types a password
    const password = fourth.page.getByLabel('Password', { exact: true });
    await password.pressSequentially('SeC');
    await first.register('anna');
    await second.isLoggedIn();
    await expect(second.page.getByText('Please log in again.')).toHaveCount(0);
    await expect(password).toHaveValue('SeC');
    await password.clear();
    await fourth.page.evaluate(() => window.dispatchEvent(new Event('online')));
    await fourth.isLoggedIn();
  });

  test('the one that another tab has got is tried, too', async ({ chat, program, start }) => {
    const { door, anna } = chat;
    const swap = (token: string) =>
      anna.page.evaluate((token) => {
        const before = localStorage.getItem('mig33/token/anna') ?? '';
        localStorage.setItem('mig33/token/anna', token);
        return before;
      }, token);
    // an old one is what the page begins its next connection with
    const good = await swap('x'.repeat(32));
    door.hold();
    await program.stop();
    await expect.poll(() => door.waiting).toBeGreaterThan(0);
    await anna.pickPicture({ name: 'holiday.png', mimeType: 'image/png', buffer: png(320, 240, 40) });
    const tray = anna.page.locator('.tray');
    await expect(tray.getByRole('progressbar')).toBeVisible();
    await anna.say('in the middle of it');
    await swap(good);
    const next = await start();
    door.restore(pageOf(next));
    // what was being sent is still there
    await expect(anna.message('in the middle of it').locator('.state')).toHaveText(/Sent/);
    await tray.getByRole('button', { name: 'Try again' }).click();
    await expect(anna.page.getByRole('log').getByRole('img', { name: 'Picture from you' })).toHaveCount(1);
    expect(await next.requests('LOGIN')).toBe(2);
  });
});
