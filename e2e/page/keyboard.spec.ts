// Everything by keyboard: from the empty page to a chat, without a mouse.
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './visit';

/** Presses Tab until this has the focus; fails when a full round does not come by it. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 120; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(target, 'is not reached by Tab').toBeFocused();
}

test('register, add a contact and chat', async ({ visit, user }) => {
  const [anna, bert] = [await visit(), await user('bert')];
  const { page } = anna;
  const tab = page.getByRole('tab', { name: 'Register' });
  // a list of tabs is one stop; its arrows go from one to the next
  await tabTo(page, page.getByRole('tab', { selected: true }));
  if ((await tab.getAttribute('aria-selected')) !== 'true') await page.keyboard.press('ArrowRight');
  await expect(tab).toHaveAttribute('aria-selected', 'true');
  await tabTo(page, page.getByLabel('Username', { exact: true }));
  await page.keyboard.type('anna');
  await page.keyboard.press('Tab');
  await page.keyboard.type('SeCreT1');
  await page.keyboard.press('Enter');
  await anna.isLoggedIn();

  const add = anna.chats.getByRole('button', { name: 'Add contact' });
  await tabTo(page, add);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Add contact' });
  await expect(dialog.getByRole('textbox', { name: 'Username' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(add).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(dialog.getByRole('textbox', { name: 'Username' })).toBeFocused();
  await page.keyboard.type('bert');
  await page.keyboard.press('Enter');
  await bert.acceptContact('anna');

  await tabTo(page, anna.entry('bert'));
  await page.keyboard.press('Enter');
  await expect(anna.composer).toBeFocused();
  await page.keyboard.type('no mouse');
  await page.keyboard.press('Enter');
  expect((await bert.message()).text).toBe('no mouse');
  await expect(anna.composer).toBeFocused();

  await tabTo(page, page.getByRole('button', { name: 'Log out' }));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('tab', { name: 'Log in' })).toBeVisible();
});

test('the focus is always seen', async ({ registered }) => {
  const { page } = await registered('anna');
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press('Tab');
    const shown = await page.evaluate(() => {
      const focused = document.activeElement ?? document.body;
      const style = getComputedStyle(focused);
      if (focused === document.body) return true; // the browser's own controls have it
      return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    });
    expect(shown, await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 120))).toBe(true);
  }
});

test('the menu opens under its button, and Escape gives the focus back', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  const button = anna.page.getByRole('button', { name: 'Actions' });
  const menu = anna.page.getByRole('group', { name: 'Actions' });
  await button.focus();
  await anna.page.keyboard.press('Enter');
  await expect(menu).toBeVisible();
  const [above, below] = [await button.boundingBox(), await menu.boundingBox()];
  if (!above || !below) throw new Error('not drawn');
  expect(below.y).toBeGreaterThanOrEqual(above.y + above.height);
  expect(below.y).toBeLessThan(above.y + above.height + 20);
  expect(Math.abs(below.x + below.width - (above.x + above.width))).toBeLessThan(4);
  await anna.page.keyboard.press('Tab');
  await expect(menu.getByRole('button', { name: 'Remove contact' })).toBeFocused();
  await anna.page.keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await expect(button).toBeFocused();
});
