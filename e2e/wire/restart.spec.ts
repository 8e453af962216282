// The program stopped, started, killed: what was said and who knows whom is still there.
import { randomUUID } from 'node:crypto';
import { Handset, type Accepted } from '../handset/handset';
import { befriend, expect, PASSWORD, test } from '../harness/fixtures';

test('a stop is told to everybody, and a start has all as it was', async ({ start, program, user, connect }) => {
  const [anna, bert] = [await user('anna', { token: Buffer.alloc(0) }), await user('bert')];
  const token = anna.connection.received.at(-1)?.bytes('resume_token') ?? Buffer.alloc(0);
  await befriend(anna, bert);
  await anna.request('ADD_GROUP', { group_name: 'Work' });
  await anna.request('SET_STATUS_MESSAGE', { status_message: 'reading' });
  await anna.request('CREATE_CHATROOM', { chatroom_name: 'Tea' });
  const sent = await anna.say('bert', 'before the stop');

  const stopped = program.stop();
  expect((await anna.unasked('SESSION_TERMINATED')).text('reason')).toBe('shutdown');
  await anna.connection.ended;
  expect((await stopped).code).toBe(0);

  const again = await start();
  const back = await connect(again.tcp);
  expect((await back.ask('LOGIN', { username: 'anna', initial_presence: 1, resume_token: token })).name).toBe('LOGIN_OK');
  const { groups, contacts } = await back.contactList();
  expect(groups.map((group) => group.text('group_name'))).toContain('Work');
  expect(contacts.map((contact) => contact.text('username'))).toEqual(['bert']);
  expect(await back.history('PRIVATE', 'bert')).toMatchObject([{ ...sent, text: 'before the stop' }]);
  await back.joinRoom('Tea');
  const peer = await connect(again.tcp);
  await peer.logIn({ username: 'bert', password: PASSWORD });
  expect((await peer.contactList()).contacts[0]?.text('status_message')).toBe('reading');
});

test('who comes back after a restart was never away', async ({ start, program, user, connect }) => {
  const [anna, bert, cora] = [await user('anna'), await user('bert'), await user('cora')];
  await befriend(anna, bert);
  await befriend(anna, cora);
  for (const one of [anna, bert, cora]) await one.joinRoom('Lobby');
  await program.stop();

  const again = await start();
  const back = async (username: string) => {
    const handset = await connect(again.tcp);
    await handset.logIn({ username, password: PASSWORD });
    await handset.joinRoom('Lobby');
    return handset;
  };
  const first = await back('anna');
  const { contacts } = await first.contactList();
  expect(contacts.map((contact) => contact.number('presence'))).toEqual([1, 1]);
  const second = await back('bert');
  // what happens next is what he does, not that he came
  await second.request('LEAVE_CHATROOM', { chatroom_name: 'Lobby' });
  const told = await first.unasked('CHATROOM_USER_STATUS');
  expect([told.text('username'), told.number('status')]).toEqual(['bert', 2]);
  expect(first.connection.received.filter((packet) => packet.name === 'PRESENCE')).toEqual([]);
});

test('after kill -9 under load every acknowledged message is there once', async ({ start, program, user, connect }) => {
  test.slow();
  const receiver = await user('receiver');
  const names = ['anna', 'bert', 'carl', 'dora'];
  const senders: Handset[] = [];
  for (const name of names) {
    const sender = await user(name);
    await befriend(sender, receiver);
    senders.push(sender);
  }

  const acknowledged = new Map<string, Accepted>();
  const unanswered = new Map<string, string>();
  const sending = senders.map(async (sender) => {
    for (let number = 0; !sender.connection.over; number++) {
      const guid = randomUUID();
      unanswered.set(guid, sender.username);
      try {
        acknowledged.set(guid, await sender.say('receiver', `${sender.username} ${number}`, guid));
        unanswered.delete(guid);
      } catch (error) {
        if (!sender.connection.over) throw error;
      }
    }
  });
  await expect.poll(() => acknowledged.size, { intervals: [5] }).toBeGreaterThan(120);
  await program.kill();
  await Promise.all(sending);
  expect(unanswered.size).toBeGreaterThan(0);

  const again = await start();
  const reader = await connect(again.tcp);
  await reader.logIn({ username: 'receiver', password: PASSWORD });
  const retries = new Map<string, Accepted>();
  for (const name of names) {
    const sender = await connect(again.tcp);
    await sender.logIn({ username: name, password: PASSWORD });
    for (const [guid, owner] of unanswered) {
      if (owner === name) retries.set(guid, await sender.say('receiver', 'once more', guid));
    }
  }
  const stored: Accepted[] = [];
  for (const name of names) {
    for (const { guid, time } of await reader.wholeHistory('PRIVATE', name)) stored.push({ guid, time });
  }
  const byGuid = (a: Accepted, b: Accepted) => a.guid.localeCompare(b.guid);
  expect(stored.sort(byGuid)).toEqual([...acknowledged.values(), ...retries.values()].sort(byGuid));
});

test('the same ports are free again at once', async ({ start, program, user }) => {
  await user('anna');
  await program.kill();
  const again = await start({
    args: ['--tcp-listen', `${program.tcp.host}:${program.tcp.port}`, '--listen', program.page.host],
  });
  expect(again.page.href).toBe(program.page.href);
  expect(again.tcp).toEqual(program.tcp);
});

test('a data folder in use is left alone', async ({ start, program }) => {
  await expect(start()).rejects.toThrow(/in use|already/i);
  expect(program.running).toBe(true);
});
