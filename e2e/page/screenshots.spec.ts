// Pictures of the main views for people to look at: test-results/screenshots, light and dark, desk and phone.
import { fileURLToPath } from 'node:url';
import type { Handset } from '../handset/handset';
import { png } from '../harness/png';
import { expect, test } from './visit';
import type { Person } from './person';

const FOLDER = fileURLToPath(new URL('../test-results/screenshots/', import.meta.url));
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } };

/** A small world: contacts with presence, a talk with runs and a picture, a room. */
async function furnish(anna: Person, sofia: Handset, others: Handset[]): Promise<void> {
  for (const handset of [sofia, ...others]) {
    await anna.addContact(handset.username);
    await handset.acceptContact('anna_k');
  }
  await sofia.request('SET_STATUS_MESSAGE', { status_message: 'Lisbon until Friday' });
  await others[0]?.request('SET_PRESENCE', { presence: 3 });
  await others[1]?.request('SET_PRESENCE', { presence: 4 });
  await others[0]?.say('anna_k', 'Did the parcel come?');
  await others[0]?.say('anna_k', 'It should have been there on Tuesday.');
}

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${size}, ${colorScheme}`, async ({ visit, user }) => {
      const anna = await visit({ viewport, colorScheme });
      const shoot = async (view: string) => {
        await anna.page.mouse.move(0, 0); // nothing is pointed at
        await anna.page.screenshot({ path: `${FOLDER}${view}-${size}-${colorScheme}.png` });
      };
      const back = async () => {
        if (size === 'phone') await anna.page.getByRole('button', { name: 'Back' }).click();
      };
      await expect(anna.page.getByRole('tab', { name: 'Log in' })).toBeVisible();
      await shoot('1-log-in');
      await anna.register('anna_k');
      const sofia = await user('sofia');
      await furnish(anna, sofia, [await user('tomasz'), await user('j.okafor')]);
      await (await user('marguerite')).addContact('anna_k');
      await expect(anna.page.getByRole('button', { name: 'Accept marguerite' })).toBeVisible();
      await shoot('2-list');

      await anna.page.getByLabel('Message of the day').getByRole('button', { name: 'Dismiss' }).click();
      await anna.openChat('sofia');
      await sofia.say('anna_k', 'The view from the hotel is something else.');
      await sofia.say('anna_k', 'You can see the whole harbour, and the ferries come and go all night long.');
      await expect(anna.message('ferries')).toBeVisible();
      await anna.saySafely('I am green with envy 😄');
      await anna.saySafely('Send a picture?');
      const upload = await sofia.uploadAddress('anna_k');
      await fetch(upload, { method: 'PUT', body: new Uint8Array(png(640, 400, 90)) });
      await expect(anna.page.getByRole('img', { name: 'Picture from sofia' })).toBeVisible();
      await sofia.say('anna_k', 'There. More tomorrow: https://example.com/lisbon');
      await expect(anna.message('More tomorrow')).toBeVisible();
      await shoot('3-chat');

      await back();
      await sofia.joinRoom('Lobby');
      await sofia.talk('Lobby', 'Good evening, everybody');
      await anna.chats.getByRole('button', { name: 'Rooms' }).click();
      await expect(anna.page.getByRole('button', { name: 'Join Lobby' })).toBeVisible();
      await shoot('4-rooms');
      await anna.page.getByRole('button', { name: 'Join Lobby' }).click();
      await expect(anna.message('Good evening')).toBeVisible();
      await anna.saySafely('Hello from the browser');
      await shoot('5-room');
    });
  }
}
