// The program is replaced while people use it, its ports kept open: nothing of that is to be seen, and nothing is lost.
import type { Page } from '@playwright/test';
import type { Program } from '../harness/program';
import type { Relay } from '../harness/relay';
import { doorOf, pageOf } from './door';
import type { Person } from './person';
import { expect, test as base } from './visit';

/** Everything that a page has shown since, each text once, in the order in which it came. */
type Watched = { shown: string[] };

/** Looks at the page each time that anything in it changes. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const watched: Watched = { shown: [] };
    const look = () => {
      const now = document.body.innerText;
      if (!watched.shown.includes(now)) watched.shown.push(now);
    };
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    Object.assign(window, { watched });
  });
}

const shown = (page: Page) => page.evaluate(() => (window as unknown as { watched: Watched }).watched.shown);

interface Scene {
  anna: Person;
  bert: Person;
  door: Relay;
  /** Stops the program, does something, and starts it anew behind the same door; `back` people enter the Lobby again. */
  replace: (meanwhile?: () => Promise<void>, back?: number) => Promise<Program>;
}

/** Two friends in the Lobby; anna looks at the room and who is in it, bert at his chat with her. */
const test = base.extend<{ scene: Scene }>({
  scene: async ({ program, relay, start, visit }, use) => {
    const door = await relay(pageOf(program));
    const wide = { address: doorOf(door), viewport: { width: 1280, height: 800 } };
    const [anna, bert] = [await visit(wide), await visit(wide)];
    await anna.register('anna');
    await bert.register('bert');
    await anna.addContact('bert');
    await bert.accept('anna');
    await bert.joinRoom('Lobby');
    await anna.joinRoom('Lobby');
    await expect(anna.page.getByText('2 members')).toBeVisible();
    await bert.openChat('anna');
    await bert.say('before it');
    await expect(anna.entry('bert')).toHaveAccessibleName(/1 unread/);
    await expect(anna.entry('bert')).toHaveAccessibleName(/available/i);
    await expect(bert.entry('anna')).toHaveAccessibleName(/available/i);
    await expect(bert.message('before it').locator('.state')).toHaveText(/Delivered/);

    await use({
      anna,
      bert,
      door,
      replace: async (meanwhile = async () => undefined, back = 2) => {
        door.hold();
        expect((await program.stop()).code).toBe(0);
        // beside it: for three seconds nothing is wrong, and a busy machine takes one of them to start a program
        const [next] = await Promise.all([start(), meanwhile()]);
        door.restore(pageOf(next));
        await expect.poll(() => next.requests('JOIN_CHATROOM')).toBe(back);
        return next;
      },
    });
  },
});

test('nobody sees it', async ({ scene }) => {
  const { anna, bert, replace } = scene;
  for (const person of [anna, bert]) await watch(person.page);
  const next = await replace();
  expect(await next.requests('LOGIN')).toBe(2);
  // what is said now comes behind all that the log-ins have brought
  await bert.say('after it');
  await expect(bert.message('after it').locator('.state')).toHaveText(/Delivered/);
  await expect(anna.entry('bert')).toHaveAccessibleName(/2 unread/);
  expect((await shown(anna.page))[0]).toContain('2 members');
  for (const person of [anna, bert]) {
    const [before, ...others] = (await shown(person.page)).filter((text) => !text.includes('after it'));
    expect(others, `what ${person === anna ? 'anna' : 'bert'} saw that was not as before`).toEqual([]);
    expect(before).toBeDefined();
  }
});

test('what is done meanwhile is done then', async ({ scene, user }) => {
  const { anna, bert, replace } = scene;
  await user('cora');
  await replace(async () => {
    // the page knows of it
    await expect.poll(() => scene.door.connections).toBe(0);
    await anna.say('in the middle of it');
    await anna.askFor('cora');
  });
  await expect(anna.message('in the middle of it').locator('.state')).toHaveText(/Sent/);
  await bert.page.getByRole('link', { name: /^Lobby/ }).click();
  await expect(bert.message('in the middle of it')).toHaveCount(1);
  await expect(anna.page.getByRole('dialog')).toHaveCount(0);
  await expect(anna.entry('cora')).toBeVisible();
});

test('who logs out meanwhile is gone, and not after a minute only', async ({ scene }) => {
  const { anna, bert, replace } = scene;
  const next = await replace(async () => {
    await expect.poll(() => scene.door.connections).toBe(0);
    await anna.page.getByRole('button', { name: 'Log out' }).click();
    await expect(anna.page.getByRole('button', { name: 'Log in' })).toBeVisible();
  }, 1);
  await expect.poll(() => next.requests('LOGOUT')).toBe(1);
  await expect(bert.entry('anna')).toHaveAccessibleName(/offline/i, { timeout: 10_000 });
  await bert.page.getByRole('link', { name: /^Lobby/ }).click();
  await expect(bert.page.getByText('only you')).toBeVisible();
  expect(await next.requests('LOGIN')).toBe(2);
});

test('a start that takes long is told of', async ({ scene }) => {
  const { anna, bert, replace } = scene;
  await replace(async () => {
    await expect(anna.banner).toBeVisible({ timeout: 10_000 });
    await anna.say('is it back?');
  });
  await expect(anna.banner).toHaveCount(0, { timeout: 15_000 });
  await bert.page.getByRole('link', { name: /^Lobby/ }).click();
  await expect(bert.message('is it back?')).toHaveCount(1);
});
