// The same person in two tabs of one browser: both logged in, both up to date.
import { Person } from './person';
import { expect, test } from './visit';

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
