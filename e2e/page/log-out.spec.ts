// Logging out where there is no connection: the person is out at once, and the server hears of it with the next one.
import { value } from '../handset/catalogue';
import { doorOf, pageOf } from './door';
import { PASSWORD } from '../harness/fixtures';
import { expect, test } from './visit';

test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

test('a log-out without a network reaches the server once it is back', async ({ program, relay, visit, user }) => {
  const door = await relay(pageOf(program));
  const [anna, bert] = [await visit({ address: doorOf(door) }), await user('bert')];
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');

  door.down();
  await anna.page.getByRole('button', { name: 'Log out' }).click();
  await expect(anna.page.getByRole('button', { name: 'Log in' })).toBeVisible();
  await expect(anna.banner).toHaveCount(0);
  door.restore(pageOf(program));
  // what the browser says of a network that comes back
  await anna.page.evaluate(() => dispatchEvent(new Event('online')));
  // the session would wait in the bridge for two minutes otherwise, and be seen
  await bert.unasked('PRESENCE', (packet) => packet.number('presence') === value('Presence', 'OFFLINE'));
  await anna.tryToLogIn('anna', PASSWORD);
  await anna.isLoggedIn();
});
