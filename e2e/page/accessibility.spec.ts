// axe over every view, in light and dark, at a phone's width and a desk's: nothing serious.
import AxeBuilder from '@axe-core/playwright';
import type { Person } from './person';
import { befriend } from '../harness/fixtures';
import { expect, test } from './visit';

const WIDTHS = { phone: { width: 360, height: 740 }, desk: { width: 1440, height: 900 } };

/** What axe finds serious or critical. */
async function findings({ page }: Person): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

for (const [name, viewport] of Object.entries(WIDTHS)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`nothing serious on a ${name}, ${colorScheme}`, async ({ visit, user }) => {
      const bert = await user('bert');
      await befriend(bert, await user('carl'));
      const anna = await visit({ viewport, colorScheme });
      await test.step('auth view', async () => expect(await findings(anna)).toEqual([]));
      await anna.register('anna');
      await bert.addContact('anna');
      await expect(anna.page.getByRole('button', { name: 'Accept bert' })).toBeVisible();
      await test.step('list with a request', async () => expect(await findings(anna)).toEqual([]));
      await anna.accept('bert');
      await bert.say('anna', 'look at https://example.com/');
      await expect(anna.entry('bert')).toHaveAccessibleName(/1 unread/);
      await test.step('list', async () => expect(await findings(anna)).toEqual([]));
      await anna.openChat('bert');
      await anna.saySafely('nice');
      await test.step('chat', async () => expect(await findings(anna)).toEqual([]));
      if (name === 'phone') await anna.page.getByRole('button', { name: 'Back' }).click();
      await anna.chats.getByRole('button', { name: 'Rooms' }).click();
      await expect(anna.page.getByRole('button', { name: 'Join Lobby' })).toBeVisible();
      await test.step('rooms', async () => expect(await findings(anna)).toEqual([]));
      await anna.page.getByRole('button', { name: 'Join Lobby' }).click();
      await expect(anna.roomLog('Lobby')).toBeVisible();
      await test.step('room', async () => expect(await findings(anna)).toEqual([]));
    });
  }
}
