// What the service has to say: the message of the day, told once and put away.
import { expect, test } from './visit';

test.use({ programArgs: ['--motd', 'The Lobby has cake at five'] });

test('the message of the day is shown and can be dismissed', async ({ registered }) => {
  const anna = await registered('anna');
  const motd = anna.page.getByLabel('Message of the day');
  await expect(motd).toContainText('The Lobby has cake at five');
  await motd.getByRole('button', { name: 'Dismiss' }).click();
  await expect(motd).toHaveCount(0);
});
