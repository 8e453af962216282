// A bad network: the session goes on over every lost connection, and neither side of a conversation notices.
import type { Program } from '../harness/program';
import type { Relay } from '../harness/relay';
import { doorOf, pageOf } from './door';
import type { Person } from './person';
import { expect, test } from './visit';

// a socket that fails is told to the console by the browser itself
test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

/** How often each person's connection is cut in the long test. */
const CUTS = Number(process.env['RESUME_CUTS'] ?? 40);
/** Bytes in which a new connection is back in its session, about. */
const BACK = 1_500;
/** How often both say something before it is looked at what has come: a long log is in the document in part only. */
const ROUNDS = 25;
const SEED = Number(process.env['RESUME_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const resumes = (program: Program) => program.counter('mig33_bridge_resumes_total{outcome="resumed"}');

/** Numbers from 0 to 1 that a seed makes again (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Everything that the open log shows of one writer, in its order. */
async function shown(person: Person, writer: string): Promise<string[]> {
  const articles = await person.page.getByRole('log').getByRole('article').allTextContents();
  return articles.flatMap((text) => new RegExp(`${writer} says \\d+\\.`).exec(text)?.[0] ?? []);
}

/** Two people who have opened the chat with each other, each behind a door of his own, and a third who watches. */
type Scene = { anna: Person; bert: Person; doors: [Relay, Relay] };

const scene = test.extend<{ scene: Scene }>({
  scene: async ({ program, relay, visit, user }, use) => {
    const doors: [Relay, Relay] = [await relay(pageOf(program)), await relay(pageOf(program))];
    const [anna, bert] = [await visit({ address: doorOf(doors[0]) }), await visit({ address: doorOf(doors[1]) })];
    await anna.register('anna');
    await bert.register('bert');
    await anna.addContact('bert');
    await bert.accept('anna');
    const cora = await user('cora');
    await cora.joinRoom('Lobby');
    await anna.joinRoom('Lobby');
    await cora.unasked('CHATROOM_USER_STATUS');
    await anna.openChat('bert');
    await bert.openChat('anna');
    const before = await program.requests('LOGIN');
    // who is silent for three minutes is put out
    const alive = setInterval(() => cora.send('PING'), 60_000);

    await use({ anna, bert, doors });

    clearInterval(alive);
    expect(await program.requests('LOGIN'), 'log-ins').toBe(before);
    await expect(anna.page.getByRole('button', { name: 'Not sent. Retry' })).toHaveCount(0);
    await expect(bert.entry('anna')).toHaveAccessibleName(/available/i);
    // nobody has left the room or come back: what the watcher hears next is what is said now
    await anna.page.getByRole('link', { name: /^Lobby/ }).click();
    await anna.say('still here');
    const next = await cora.connection.next(
      (packet) => ['CHATROOM_USER_STATUS', 'MESSAGE'].includes(packet.name),
      'what happens in the room',
    );
    expect(next.name).toBe('MESSAGE');
  },
});

scene('the network is gone for 20 s while two people write to each other', async ({ scene, program }, testInfo) => {
  testInfo.setTimeout(90_000);
  const { anna, bert, doors } = scene;
  const said: [string[], string[]] = [[], []];
  const say = async () => {
    for (const [at, person] of [anna, bert].entries()) {
      const text = `${at ? 'bert' : 'anna'} says ${said[at]?.length}.`;
      said[at]?.push(text);
      await person.say(text);
    }
  };
  await say();
  const since = performance.now();
  doors[0].down();
  await say();
  // for the first seconds there is nothing to be seen
  expect(await anna.banner.count()).toBe(0);
  await expect(anna.banner).toHaveText(/Connecting again/);
  await say();
  doors[1].down();
  // the length of the gap is what is tried here
  await expect.poll(() => performance.now() - since, { timeout: 25_000 }).toBeGreaterThan(20_000);
  for (const door of doors) door.restore(pageOf(program));
  // found and pressed in one step of the page, which may come back by itself at this very moment
  const tryNow = anna.page.getByRole('button', { name: 'Try now' });
  await tryNow.evaluateAll((buttons) => {
    for (const button of buttons) (button as HTMLElement).click();
  });
  await say();
  await expect(anna.banner).toHaveCount(0, { timeout: 5_000 });
  // bert presses nothing: his page comes back by itself, half a minute after its last try at the latest
  for (const person of [anna, bert]) await expect(person.banner).toHaveCount(0, { timeout: 40_000 });
  for (const person of [anna, bert]) {
    await expect.poll(() => shown(person, 'anna'), { timeout: 20_000 }).toEqual(said[0]);
    await expect.poll(() => shown(person, 'bert'), { timeout: 20_000 }).toEqual(said[1]);
  }
  expect(await resumes(program)).toBe(2);
});

scene('connections that are cut at random again and again', async ({ scene, program }, testInfo) => {
  testInfo.setTimeout(60_000 + CUTS * 10_000);
  console.log(`RESUME_SEED=${SEED}`);
  const { anna, bert, doors } = scene;
  const next = random(SEED);
  const people = [anna, bert] as const;
  const said: [string[], string[]] = [[], []];
  const bad = new Set<number>([0, 1]);

  const cutting = doors.map(async (door, at) => {
    for (let cut = 0; cut < CUTS; cut++) {
      // one in five before it is back: in the handshake, the first message or its answer
      const left = next() < 0.2 ? next() * BACK : BACK + next() ** 2 * 4_000;
      await door.cutAfter(Math.ceil(left));
    }
    bad.delete(at);
  });
  /** Both see the newest of what was said, each once and in order: as many as a long log has in the document. */
  const check = async () => {
    for (const person of people) {
      for (const [at, writer] of ['anna', 'bert'].entries()) {
        const all = said[at] ?? [];
        await expect
          .poll(async () => (await shown(person, writer)).slice(-ROUNDS - 5), { timeout: 60_000 })
          .toEqual(all.slice(-ROUNDS - 5));
      }
    }
  };
  // what is said makes the bytes that the cuts wait for
  for (let round = 1; bad.size > 0; round++) {
    if (round % ROUNDS === 0) await check();
    for (const [at, person] of people.entries()) {
      const text = `${at ? 'bert' : 'anna'} says ${said[at]?.length}.`;
      said[at]?.push(text);
      await person.say(text);
    }
  }
  await Promise.all(cutting);

  await check();
  for (const person of people) await expect(person.banner).toHaveCount(0);
  expect(await resumes(program)).toBeGreaterThan(CUTS);
});
