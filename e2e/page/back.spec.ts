// Away to another site and Back: the browser keeps the page as it was, but breaks its connection.
import type { CDPSession } from '@playwright/test';
import { Person } from './person';
import { expect, test } from './visit';

/** Something that the page knows, asked past Playwright, which loses sight of a page that was kept. */
async function ask(devtools: CDPSession, expression: string): Promise<unknown> {
  const { result } = await devtools.send('Runtime.evaluate', { expression, returnByValue: true });
  return result.value;
}

/** The next page that is in front, and whether it was kept. */
function shown(devtools: CDPSession): Promise<string> {
  return new Promise((resolve) => devtools.once('Page.frameNavigated', ({ type }) => resolve(type)));
}

test('a page that was kept in the background is connected again, with what was written in it', async ({ playwright, launchOptions, program, user }) => {
  // Playwright turns this off
  const browser = await playwright.chromium.launch({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  try {
    const [anna, bert] = [await Person.open(await browser.newContext(), program.page), await user('bert')];
    await anna.register('anna');
    await anna.addContact('bert');
    await bert.acceptContact('anna');
    await anna.openChat('bert');
    await anna.composer.fill('half a sentence');

    const devtools = await anna.page.context().newCDPSession(anna.page);
    await devtools.send('Page.enable');
    const { entries, currentIndex } = await devtools.send('Page.getNavigationHistory');
    const away = shown(devtools);
    await devtools.send('Page.navigate', { url: new URL('/healthz', program.admin).href });
    expect(await away).toBe('Navigation');
    await bert.say('anna', 'said while away');

    const back = shown(devtools);
    const entryId = entries[currentIndex]?.id ?? 0;
    // refused for as long as these tools are between the two pages
    await expect(() => devtools.send('Page.navigateToHistoryEntry', { entryId })).toPass();
    expect(await back).toBe('BackForwardCacheRestore');
    await expect.poll(() => ask(devtools, `document.querySelector('[role=log]').innerText`)).toContain('said while away');
    expect(await ask(devtools, `document.querySelector('textarea').value`)).toBe('half a sentence');
    expect(await ask(devtools, `document.querySelector('.banner').innerText`)).toBe('');
    await ask(devtools, `document.querySelector('.composer').requestSubmit()`);
    expect((await bert.message()).text).toBe('half a sentence');
  } finally {
    await browser.close();
  }
});
