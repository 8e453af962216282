// What each test of the page is given: people, each in a browser context of his own, whose consoles stay clean.
import type { BrowserContextOptions } from '@playwright/test';
import { expect, test as base } from '../harness/fixtures';
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
});

export { expect };
