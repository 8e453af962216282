// Two browsers register, become contacts and chat both ways, with a reload in between.
import { befriendThroughPage } from './person';
import { expect, test } from './visit';

test('two people chat, also after a reload', async ({ registered }) => {
  const [anna, bert] = [await registered('anna'), await registered('bert')];
  await befriendThroughPage(anna, 'anna', bert, 'bert');
  await anna.openChat('bert');
  await bert.openChat('anna');

  await anna.say('hello bert');
  await expect(bert.message('hello bert')).toHaveAccessibleName(/^anna, /);
  await expect(anna.message('hello bert')).toHaveAccessibleName(/^You, /);
  await bert.say('hello anna');
  await expect(anna.message('hello anna')).toHaveAccessibleName(/^bert, /);
  await expect(anna.message('hello bert').locator('.state')).toHaveText(/Delivered|Read/);

  await bert.page.reload();
  await bert.isInChat('anna');
  for (const text of ['hello bert', 'hello anna']) await expect(bert.message(text)).toHaveCount(1);

  await bert.say('back again');
  await expect(anna.message('back again')).toBeVisible();
  await anna.say('welcome');
  await expect(bert.message('welcome')).toBeVisible();

  const texts = ['hello bert', 'hello anna', 'back again', 'welcome'];
  for (const person of [anna, bert]) {
    await expect(person.page.getByRole('log').getByRole('article')).toContainText(texts);
    await expect(person.page.getByRole('log').getByRole('article')).toHaveCount(texts.length);
  }
});

test('what was read stays so after a reload', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await anna.say('read this');
  const guid = (await bert.message()).guid;
  await bert.send('MESSAGE_STATUS_EVENT', { message_type: 1, message_source: 'anna', message_destination_type: 1, message_destination: 'bert', message_guid: guid, message_event_type: 3 });
  const state = anna.message('read this').locator('.state');
  await expect(state).toHaveText('Read');
  await anna.page.reload();
  await expect(state).toHaveText('Read');
});

test('what was said while a person was away is there when he comes back', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await anna.page.goto('about:blank');
  await bert.say('anna', 'are you gone?');
  await bert.say('anna', 'I wait');
  await anna.page.goBack();
  await anna.isInChat('bert');
  await expect(anna.page.getByRole('log').getByRole('article')).toContainText(['are you gone?', 'I wait']);
  await expect(anna.message('I wait')).toHaveCount(1);
});

test('Shift+Enter breaks the line, and what looks like HTML is text', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await anna.composer.pressSequentially('<b>one</b>');
  await anna.composer.press('Shift+Enter');
  await anna.composer.pressSequentially('two 😀');
  await anna.composer.press('Enter');
  expect((await bert.message()).text).toBe('<b>one</b>\ntwo 😀');
  await expect(anna.message('<b>one</b>')).toContainText('two 😀');
  await expect(anna.composer).toHaveValue('');
  await anna.composer.press('Enter');
  await anna.composer.fill('  ');
  await anna.composer.press('Enter');
  await bert.say('anna', '<img src=x onerror=alert(1)>');
  await expect(anna.message('<img src=x onerror=alert(1)>')).toBeVisible();
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(2);
});

test('a long history is fetched as one goes up, without gaps', async ({ registered, user }) => {
  test.slow();
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  for (let number = 1; number <= 90; number++) await bert.say('anna', `line ${number}.`);
  await anna.page.reload();
  await anna.openChat('bert');
  // it is opened at the first unread one
  await expect(anna.message('line 1.')).toBeInViewport();
  await anna.page.getByRole('button', { name: /^Jump to \d+ new/ }).click();
  await expect(anna.message('line 90.')).toBeInViewport();
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
  await bert.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === 3);
  // and now at its end
  await anna.page.reload();
  await anna.isInChat('bert');
  await expect(anna.message('line 90.')).toBeInViewport();
  await expect(async () => {
    await anna.page.getByRole('log').getByRole('article').first().scrollIntoViewIfNeeded();
    await anna.page.getByRole('log').hover();
    await anna.page.mouse.wheel(0, -3000);
    await expect(anna.message('line 1.')).toBeInViewport({ timeout: 300 });
  }).toPass({ timeout: 20_000 });
});
