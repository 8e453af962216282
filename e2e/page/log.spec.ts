// The log: the end is let go of by the person alone, and a chat is opened where the reading begins.
import type { Handset } from '../handset/handset';
import type { Person } from './person';
import { expect, test } from './visit';

const PHONE = { width: 360, height: 640 };

// as many messages as it takes, at once
test.use({ settings: '[server.limits]\nrequest_burst = 1000' });

/** Pixels below what is in sight. */
async function below({ page }: Person): Promise<number> {
  return page.getByRole('log').evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
}

/** Where a message stands, from the top of the log. */
async function place(person: Person, text: string): Promise<number> {
  const [log, message] = [await person.page.getByRole('log').boundingBox(), await person.message(text).boundingBox()];
  return (message?.y ?? Number.NaN) - (log?.y ?? Number.NaN);
}

/** Lets the browser lay out and draw. */
async function drawn({ page }: Person): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

async function scrollBy(person: Person, pixels: number): Promise<void> {
  await person.page.getByRole('log').hover();
  await person.page.mouse.wheel(0, pixels);
  await drawn(person);
}

async function toEnd({ page }: Person): Promise<void> {
  await page.getByRole('button', { name: /^Jump to (\d+ new|the newest)/ }).click();
}

async function friends(anna: Person, bert: Handset): Promise<void> {
  await anna.addContact('bert');
  await bert.acceptContact('anna');
}

/** `line 1.` and so on. */
async function sayLines(bert: Handset, from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from + 1 }, (_, at) => bert.say('anna', `line ${from + at}.`)));
}

test('a composer of several lines does not push the log off its end', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: PHONE }), await user('bert')];
  await friends(anna, bert);
  await sayLines(bert, 1, 40);
  await anna.openChat('bert');
  await toEnd(anna);
  await expect(anna.message('line 40.')).toBeInViewport();
  for (const lines of [3, 4, 5]) {
    await anna.composer.press('Shift+Enter');
    if (lines === 3) await anna.composer.press('Shift+Enter');
    await anna.composer.pressSequentially(`${lines}`);
    await drawn(anna);
    expect(await below(anna), `${lines} lines`).toBeLessThan(2);
  }
  await bert.say('anna', 'an answer');
  await expect(anna.message('an answer')).toBeInViewport({ ratio: 1 });
  await bert.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === 3);
  await anna.composer.press('ControlOrMeta+A');
  await anna.composer.press('Delete');
  await drawn(anna);
  expect(await below(anna), 'and a composer that shrinks').toBeLessThan(2);

  await anna.composer.fill('1\n2\n3\n4\n5');
  await anna.page.reload();
  await anna.isInChat('bert');
  await expect(anna.composer).toHaveValue('1\n2\n3\n4\n5');
  await expect(anna.message('an answer')).toBeInViewport({ ratio: 1 });
  await drawn(anna);
  expect(await below(anna), 'a draft that is there from the beginning').toBeLessThan(2);
});

test('another width keeps the place in the log, and its end', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: { width: 1100, height: 640 } }), await user('bert')];
  await friends(anna, bert);
  const long = 'and this goes on for a while, so that it takes more lines where there is less room for it. '.repeat(3);
  for (let number = 1; number <= 30; number++) await bert.say('anna', `line ${number}. ${long}`);
  await anna.openChat('bert');
  await toEnd(anna);
  await expect(anna.message('line 30.')).toBeInViewport();
  await anna.page.setViewportSize(PHONE);
  await drawn(anna);
  expect(await below(anna)).toBeLessThan(2);

  await anna.message('line 15.').evaluate((row) => row.scrollIntoView({ block: 'start' }));
  await drawn(anna);
  const before = await place(anna, 'line 15.');
  for (const viewport of [{ width: 800, height: 640 }, PHONE, { width: 500, height: 300 }]) {
    await anna.page.setViewportSize(viewport);
    await drawn(anna);
    expect(Math.abs((await place(anna, 'line 15.')) - before), `${viewport.width} wide`).toBeLessThan(3);
  }
});

for (const unread of [60, 130, 300]) {
  test(`with ${unread} unread, the chat is opened at the first of them, and read as far as it was seen`, async ({ registered, user }) => {
    const [anna, bert] = [await registered('anna'), await user('bert')];
    await friends(anna, bert);
    await sayLines(bert, 1, 10);
    await anna.openChat('bert');
    await expect(anna.message('line 10.')).toBeInViewport();
    await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
    await bert.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === 3);
    await anna.page.goto('about:blank');
    await sayLines(bert, 11, 10 + unread);
    await anna.page.goBack();
    await anna.isInChat('bert');

    const divider = anna.page.locator('.unread-line');
    await expect(divider).toBeInViewport();
    await expect(anna.page.locator('.unread-line + article')).toContainText('line 11.');
    await expect(anna.message('line 11.')).toBeInViewport();
    await expect(anna.message(`line ${10 + unread}.`)).not.toBeInViewport();
    // what is on the screen is read, and nothing else
    const left = async () => Number(/(\d+) unread/.exec((await anna.entry('bert').getAttribute('aria-label')) ?? '')?.[1]);
    await expect.poll(left).toBeLessThan(unread);
    const first = await left();
    expect(first).toBeGreaterThan(unread - 40);
    await scrollBy(anna, 400);
    await expect.poll(left).toBeLessThan(first);

    await anna.page.reload();
    await anna.isInChat('bert');
    await expect(anna.page.locator('.unread-line')).toBeInViewport();
    await expect.poll(left).toBeLessThan(first);
    await toEnd(anna);
    await expect(anna.message(`line ${10 + unread}.`)).toBeInViewport();
    await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
  });
}

test('more that came live than is shown at once is opened at its beginning', async ({ registered, user }) => {
  const [anna, bert, carl] = [await registered('anna'), await user('bert'), await user('carl')];
  await friends(anna, bert);
  await anna.addContact('carl');
  await carl.acceptContact('anna');
  await sayLines(bert, 1, 30);
  await anna.openChat('bert');
  await toEnd(anna);
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
  await anna.openChat('carl');
  await sayLines(bert, 31, 115);
  await expect(anna.entry('bert')).toHaveAccessibleName(/85 unread/);
  await anna.openChat('bert');
  await expect(anna.page.locator('.unread-line')).toBeInViewport();
  await expect(anna.page.locator('.unread-line + article')).toContainText('line 31.');
});

test('what came while nobody looked is a jump away', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: { width: 1000, height: 640 } }), await user('bert')];
  await friends(anna, bert);
  await bert.say('anna', 'before');
  await anna.openChat('bert');
  await expect(anna.entry('bert')).not.toHaveAccessibleName(/unread/);
  const focus = (has: boolean) =>
    anna.page.evaluate((has) => {
      document.hasFocus = () => has;
      dispatchEvent(new Event(has ? 'focus' : 'blur'));
    }, has);
  await focus(false);
  await sayLines(bert, 1, 250);
  await expect(anna.message('line 250.')).toBeInViewport();
  await focus(true);
  await anna.page.getByRole('button', { name: 'Jump to unread' }).click();
  await expect(anna.page.locator('.unread-line + article')).toContainText('line 1.');
  await expect(anna.page.locator('.unread-line')).toBeInViewport();
  await expect(anna.page.getByRole('button', { name: 'Jump to unread' })).toHaveCount(0);
});

test('nothing counts as read behind a dialog, a menu or the members', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: PHONE }), await user('bert')];
  await bert.joinRoom('Lobby');
  await anna.joinRoom('Lobby');
  const unread = () => anna.page.title();
  const staysUnread = async (): Promise<void> => {
    await expect.poll(unread).toMatch(/^\(1\)/);
    await drawn(anna);
    expect(await unread()).toMatch(/^\(1\)/);
  };
  const page = anna.page;
  const menu = page.getByRole('group', { name: 'Actions' });

  await page.getByRole('button', { name: 'Members' }).click();
  await expect(page.getByRole('complementary', { name: 'Members' })).toBeVisible();
  await bert.talk('Lobby', 'behind the members');
  await staysUnread();
  await page.goBack();
  await expect(page.getByRole('complementary', { name: 'Members' })).toBeHidden();
  await expect(anna.message('behind the members')).toBeInViewport();
  await expect.poll(unread).not.toMatch(/^\(/);

  await page.getByRole('button', { name: 'Actions' }).click();
  await expect(menu).toBeVisible();
  await bert.talk('Lobby', 'behind the menu');
  await staysUnread();
  await page.goBack();
  await expect(menu).toBeHidden();
  await expect.poll(unread).not.toMatch(/^\(/);
  await anna.isInChat('Lobby');
  // closed by hand, it leaves no step behind
  await page.getByRole('button', { name: 'Actions' }).click();
  await expect(menu).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await page.goBack();
  await expect(anna.entry('Lobby')).toBeVisible();

  await anna.chats.getByRole('button', { name: 'Rooms' }).click();
  await expect(page.getByRole('dialog', { name: 'Rooms' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('dialog', { name: 'Rooms' })).toBeHidden();
  await expect(anna.entry('Lobby')).toBeVisible();
});
