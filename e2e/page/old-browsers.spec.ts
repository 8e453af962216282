// Browsers of before 2024 have no popovers: the menu is closed until it is asked for, and dialogs keep their keys.
import { expect, test } from './visit';

/** Makes of this browser one that has never heard of popovers: no attribute, no selector. */
function withoutPopovers(): void {
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (!name.startsWith('popover')) set.call(this, name, value);
  };
  const query = Document.prototype.querySelector;
  Document.prototype.querySelector = function (selector: string) {
    if (selector.includes(':popover-open')) throw new DOMException('not a valid selector', 'SyntaxError');
    return query.call(this, selector);
  };
}

test('without popovers the menu opens under its button, and its items do what they say', async ({ visit, user }) => {
  const [anna, bert] = [await visit(), await user('bert')];
  const { page } = anna;
  await page.addInitScript(withoutPopovers);
  await page.route('**/*.css', async (route) => {
    const response = await route.fetch();
    const style = await response.text();
    expect(style).toContain(':popover-open');
    await route.fulfill({ response, body: style.replaceAll(':popover-open', ':unheard-of') });
  });
  await page.reload();
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');

  const menu = page.getByRole('group', { name: 'Actions' });
  await expect(page.getByRole('button', { name: 'Actions' })).toBeVisible();
  await expect(menu).toBeHidden();
  await page.getByRole('button', { name: 'Actions' }).click();
  await expect(menu).toBeVisible();
  await anna.composer.click();
  await expect(menu).toBeHidden();
  await page.getByRole('button', { name: 'Actions' }).click();
  await menu.getByRole('button', { name: 'Remove contact' }).click();
  const dialog = page.getByRole('dialog', { name: 'Remove bert?' });
  await expect(dialog).toBeVisible();
  await expect(menu).toBeHidden();

  // the key is the dialog's, and not the chat's behind it
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});
