// What each test is given: a fresh program, handsets, users; all of it ended afterwards, the log kept when a test fails.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base } from '@playwright/test';
import type { Address } from '../handset/connection';
import { Handset, type LogIn } from '../handset/handset';
import { Program, type ProgramOptions } from './program';
import { Relay } from './relay';

/** The password of everybody whose password does not matter. */
export const PASSWORD = 'SeCreT1';

export interface Fixtures {
  /** Arguments of `program`, for `test.use`. */
  programArgs: readonly string[];
  /** The settings file of `program`, for `test.use`. */
  settings: string;
  /** A data folder that is gone afterwards. */
  dataDir: string;
  /** Starts a program; it is ended after the test, and must not have panicked. */
  start: (options?: Partial<ProgramOptions>) => Promise<Program>;
  /** The program that most tests need. */
  program: Program;
  /** Opens a relay in front of an address. */
  relay: (target: Address) => Promise<Relay>;
  /** A handset that is connected and not logged in. */
  connect: (address?: Address) => Promise<Handset>;
  /** Registers a user and logs a handset in. */
  user: (username: string, how?: Partial<LogIn>) => Promise<Handset>;
  /** Logs a registered user in with a new handset. */
  logIn: (username: string, how?: Partial<LogIn>) => Promise<Handset>;
}

export const test = base.extend<Fixtures>({
  programArgs: [[], { option: true }],
  settings: ['', { option: true }],

  dataDir: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), 'mig33-e2e-'));
    await use(folder);
    await rm(folder, { recursive: true, force: true });
  },

  start: async ({ dataDir }, use, testInfo) => {
    const programs: Program[] = [];
    await use(async (options = {}) => {
      const program = await Program.start({ dataDir, ...options });
      programs.push(program);
      return program;
    });
    await Promise.all(programs.map((program) => program.kill()));
    const log = programs.map((program) => program.log).join('\n--- next program ---\n');
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach('program.log', { body: log, contentType: 'text/plain' });
    }
    if (log.includes('panicked at')) throw new Error(`the program panicked:\n${log}`);
  },

  program: async ({ start, programArgs, settings, dataDir }, use) => {
    const file = join(dataDir, 'settings.toml');
    await writeFile(file, settings);
    await use(await start({ args: ['--config', file, ...programArgs] }));
  },

  relay: async ({}, use) => {
    const relays: Relay[] = [];
    await use(async (target) => {
      const relay = await Relay.open(target);
      relays.push(relay);
      return relay;
    });
    await Promise.all(relays.map((relay) => relay.close()));
  },

  connect: async ({ program }, use) => {
    const handsets: Handset[] = [];
    await use(async (address = program.tcp) => {
      const handset = await Handset.connect(address);
      handsets.push(handset);
      return handset;
    });
    await Promise.all(handsets.map((handset) => handset.connection.cut()));
  },

  user: async ({ connect }, use) => {
    await use(async (username, how = {}) => {
      const handset = await connect();
      const account = { username, password: PASSWORD, ...how };
      await handset.register(account);
      await handset.logIn(account);
      return handset;
    });
  },

  logIn: async ({ connect }, use) => {
    await use(async (username, how = {}) => {
      const handset = await connect();
      await handset.logIn({ username, password: PASSWORD, ...how });
      return handset;
    });
  },
});

export { expect } from '@playwright/test';

/** Makes two users contacts of each other; gives what each has of the other. */
export async function befriend(one: Handset, other: Handset) {
  await one.addContact(other.username);
  const mine = await other.acceptContact(one.username);
  const theirs = await one.becomesContact(other.username);
  return { ofOne: theirs, ofOther: mine };
}
