// Small screens, and how things come and go on them.
import { expect, test } from './visit';

const PHONE = { width: 360, height: 640 };

test('a picture with a long name can be cancelled on a phone', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: PHONE }), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  // no picture at all: it stays in the tray, with the reason
  await anna.pickPicture({ name: 'a-photograph-of-the-old-harbour-1.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await expect(anna.page.getByRole('button', { name: /^(Cancel|Discard) a-photo/ })).toBeInViewport({ ratio: 1 });
});

test.describe('with less motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  test('what opens is there at once', async ({ registered }) => {
    const anna = await registered('anna');
    await anna.chats.getByRole('button', { name: 'Add contact' }).click();
    const dialog = anna.page.getByRole('dialog', { name: 'Add contact' });
    await expect(dialog).toBeVisible();
    const [opacity, running] = await dialog.evaluate((dialog) => [getComputedStyle(dialog).opacity, dialog.getAnimations().length]);
    expect([opacity, running]).toEqual(['1', 0]);
  });
});

test.describe('without a network', () => {
  test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

  test('the banner stands beside what is read on a phone, with all its words', async ({ chat: { door, anna, bert } }) => {
    await anna.page.setViewportSize(PHONE);
    for (let number = 1; number <= 20; number++) await bert.say('anna', `line ${number}.`);
    await expect(anna.message('line 20.')).toBeInViewport({ ratio: 1 });
    door.down();
    await expect(anna.page.getByRole('button', { name: 'Try now' })).toBeVisible();
    const [banner, newest] = [await anna.page.locator('.banner.on').boundingBox(), await anna.message('line 20.').boundingBox()];
    if (!banner || !newest) throw new Error('not drawn');
    expect(banner.y + banner.height <= newest.y || newest.y + newest.height <= banner.y).toBe(true);
    await expect(anna.message('line 20.')).toBeInViewport({ ratio: 1 });
    const cut = await anna.page.locator('.banner.on').evaluate((banner) => {
      const around = banner.getBoundingClientRect();
      return [...banner.children].some((child) => {
        const place = child.getBoundingClientRect();
        return place.left < around.left || place.right > around.right || place.bottom > around.bottom || place.top < around.top;
      });
    });
    expect(cut).toBe(false);
  });

  test('a log-out asks where something would be lost', async ({ chat: { door, anna } }) => {
    const { page } = anna;
    const dialog = page.getByRole('dialog', { name: 'Log out?' });
    door.down();
    await anna.say('not sent yet');
    await page.getByRole('button', { name: 'Log out' }).click();
    await expect(dialog).toBeVisible();
    await dialog.getByRole('button', { name: 'Stay' }).click();
    await expect(dialog).toBeHidden();
    await expect(anna.message('not sent yet')).toBeVisible();
    await page.getByRole('button', { name: 'Log out' }).click();
    await dialog.getByRole('button', { name: 'Log out' }).click();
    await expect(page.getByRole('tab', { name: 'Log in' })).toBeVisible();
  });
});

test('a page at 400 % can be used', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: { width: 320, height: 180 } }), await user('bert')];
  const { page } = anna;
  await page.getByLabel('Message of the day').getByRole('button', { name: 'Dismiss' }).click();
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  // what is told over the page can be put away
  await expect(page.getByText('bert accepted')).toBeVisible();
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await bert.say('anna', 'can you read this?');
  await anna.entry('bert').scrollIntoViewIfNeeded();
  await expect(anna.entry('bert')).toBeInViewport({ ratio: 1 });
  await anna.openChat('bert');
  await anna.composer.fill('1\n2\n3\n4\n5\n6');
  await expect(anna.message('can you read this?').locator('.bubble')).toBeInViewport({ ratio: 0.9 });
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeInViewport({ ratio: 1 });
  expect((await page.getByRole('log').boundingBox())?.height).toBeGreaterThan(50);
});

test('what is pressed is large enough', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: PHONE }), await user('bert')];
  const { page } = anna;
  const small = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('button, summary, select, input, textarea, a.entry')]
        .filter((target) => target.checkVisibility() && !target.closest('[hidden]'))
        .map((target) => [target.outerHTML.slice(0, 80), target.getBoundingClientRect()] as const)
        .filter(([, { width, height }]) => width < 24 || height < 24)
        .map(([html]) => html),
    );
  expect(await small()).toEqual([]);
  await anna.joinRoom('Lobby');
  for (const name of ['carl', 'dora', 'emil']) await (await user(name)).joinRoom('Lobby');
  await bert.joinRoom('Lobby');
  await expect(page.getByRole('log').locator('summary')).toBeVisible();
  await page.route('**', (route) => route.abort());
  await anna.pickPicture({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await expect(page.getByRole('button', { name: /^Discard/ })).toBeVisible();
  expect(await small()).toEqual([]);
});

test('after a reload no ring stands around the name of the chat', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { viewport: PHONE, hasTouch: true, isMobile: true }), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await anna.page.reload();
  await anna.isInChat('bert');
  await expect(anna.composer).toBeVisible();
  expect(await anna.page.locator(':focus-visible').count()).toBe(0);
});

test('each view has its main part and its heading', async ({ visit }) => {
  const anna = await visit({ viewport: PHONE });
  const { page } = anna;
  await expect(page.locator('form[role]')).toHaveCount(0);
  await expect(page.getByRole('tabpanel')).toHaveCount(1);
  await anna.register('anna');
  for (const view of ['list', 'room']) {
    await expect(page.getByRole('main'), view).toHaveCount(1);
    await expect(page.getByRole('heading', { level: 1 }), view).toHaveCount(1);
    if (view === 'list') {
      await expect(page.getByRole('main').getByRole('navigation', { name: 'Chats' })).toBeVisible();
      await anna.joinRoom('Lobby');
    }
  }
});
