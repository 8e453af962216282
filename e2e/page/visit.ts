// What each test of the page is given: people, each in a browser context of his own, whose consoles stay clean.
import type { BrowserContextOptions } from '@playwright/test';
import type { Handset } from '../handset/handset';
import { expect, test as base } from '../harness/fixtures';
import type { Relay } from '../harness/relay';
import { doorOf, pageOf } from './door';
import { Person } from './person';

/** Where to open the page (the program's unless given), and how the browser is set. */
export interface VisitOptions extends BrowserContextOptions {
  readonly address?: URL;
}

export interface Visit {
  /** Complaints of the browser that a test expects. */
  expectedComplaints: RegExp;
  /** Opens the page as somebody new. */
  visit: (options?: VisitOptions) => Promise<Person>;
  /** Opens the page and registers. */
  registered: (username: string, options?: VisitOptions) => Promise<Person>;
  /** Anna, whose page is behind a door, in her chat with bert, who has a handset. */
  chat: Chat;
}

export interface Chat {
  readonly door: Relay;
  readonly anna: Person;
  readonly bert: Handset;
}

export const test = base.extend<Visit>({
  expectedComplaints: [/^$/, { option: true }],

  visit: async ({ browser, program, expectedComplaints }, use) => {
    const people: Person[] = [];
    await use(async ({ address = program.page, ...options } = {}) => {
      const person = await Person.open(await browser.newContext(options), address);
      people.push(person);
      return person;
    });
    const complaints = people.flatMap((person) => person.complaints).filter((text) => !expectedComplaints.test(text));
    for (const person of people) await person.page.context().close();
    expect(complaints, "the browser's console").toEqual([]);
  },

  registered: async ({ visit }, use) => {
    await use(async (username, options) => {
      const person = await visit(options);
      await person.register(username);
      return person;
    });
  },

  chat: async ({ program, relay, visit, user }, use) => {
    const door = await relay(pageOf(program));
    const [anna, bert] = [await visit({ address: doorOf(door) }), await user('bert')];
    await anna.register('anna');
    await anna.addContact('bert');
    await bert.acceptContact('anna');
    await anna.openChat('bert');
    await use({ door, anna, bert });
  },
});

export { expect };
