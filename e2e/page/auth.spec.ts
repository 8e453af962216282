// Registering, logging in, logging out, and the server's words when it says no.
import { doorOf, pageOf } from './door';
import { expect, test } from './visit';

test('a new user is logged in after registering, and stays so over a reload', async ({ registered }) => {
  const anna = await registered('anna');
  await anna.page.reload();
  await anna.isLoggedIn();
});

test("a wrong password shows the server's words, and the right one gets in", async ({ visit, connect }) => {
  const handset = await connect();
  await handset.register({ username: 'anna', password: 'SeCreT1' });
  const words = await handset.logIn({ username: 'anna', password: 'wrong1' }).catch((error: { text?: string }) => error.text);

  const anna = await visit();
  await anna.tryToLogIn('anna', 'wrong1');
  await expect(anna.page.getByRole('alert').filter({ hasText: String(words) })).toBeVisible();
  await expect(anna.page.getByRole('button', { name: 'Log out' })).toHaveCount(0);
  await anna.tryToLogIn('anna', 'SeCreT1');
  await anna.isLoggedIn();
  await expect(anna.page.getByRole('alert').filter({ hasText: String(words) })).toHaveCount(0);
});

test("a name that is taken shows the server's words", async ({ visit, user }) => {
  await user('anna');
  const other = await visit();
  await other.page.getByRole('tab', { name: 'Register' }).click();
  await other.page.getByLabel('Username', { exact: true }).fill('ANNA');
  await other.page.getByLabel('Password', { exact: true }).fill('another1');
  await other.page.getByLabel('Mobile phone (optional)').fill('4915112345678');
  await other.page.getByRole('button', { name: 'Create account' }).click();
  await expect(other.page.getByRole('alert')).toContainText(/taken|exists|in use/i);
});

test('logging out is for good', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  const contact = await bert.acceptContact('anna');
  await anna.page.getByRole('button', { name: 'Log out' }).click();
  await bert.unasked(
    'PRESENCE',
    (packet) => packet.number('contact_id') === contact.number('contact_id') && packet.number('presence') === 99,
  );
  await expect(anna.page.getByRole('tab', { name: 'Log in' })).toBeVisible();
  await anna.page.reload();
  await expect(anna.page.getByRole('tab', { name: 'Log in' })).toBeVisible();
  const kept = await anna.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(kept).not.toContain('SeCreT1');
});

test.describe('a service that was emptied', () => {
  // a socket that fails is told to the console by the browser itself
  test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

  test('knows neither token nor name, and asks for the password again', async ({ program, relay, start, visit, dataDir }) => {
    const door = await relay(pageOf(program));
    const anna = await visit({ address: doorOf(door) });
    await anna.register('anna');
    await program.kill();
    door.restore(pageOf(await start({ dataDir: `${dataDir}/empty` })));
    await anna.page.reload();
    await expect(anna.page.getByRole('tab', { name: 'Log in' })).toBeVisible();
    await anna.register('anna');
  });
});

test.describe('under maintenance', () => {
  test.use({ programArgs: ['--maintenance', 'Back at noon'] });

  test("the log-in shows the service's text", async ({ visit }) => {
    const anna = await visit();
    await anna.tryToLogIn('anna', 'SeCreT1');
    await expect(anna.page.getByRole('alert').filter({ hasText: 'Back at noon' })).toBeVisible();
  });
});
