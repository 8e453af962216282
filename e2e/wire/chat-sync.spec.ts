// Chat sync: the list of chats and their history (spec/wire.md section 7).
import { befriend, expect, test } from '../harness/fixtures';

test('the history has what both said, oldest first, and END_MESSAGES sums it up', async ({ user, logIn }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const sent = [await anna.say('bert', 'one'), await bert.say('anna', 'two'), await anna.say('bert', 'three')];
  const desk = await logIn('bert');
  const history = await desk.history('PRIVATE', 'anna');
  expect(history.map(({ text, from, guid, time }) => ({ text, from, guid, time }))).toEqual([
    { text: 'one', from: 'anna', ...sent[0] },
    { text: 'two', from: 'bert', ...sent[1] },
    { text: 'three', from: 'anna', ...sent[2] },
  ]);
  const end = desk.connection.received.at(-1);
  expect(end?.name).toBe('END_MESSAGES');
  expect(end?.text('chat_id')).toBe('anna');
  expect(end?.text('first_message_guid')).toBe(sent[0]?.guid);
  expect(end?.text('final_message_guid')).toBe(sent[2]?.guid);
  expect(end?.number('messages_sent')).toBe(3);
});

test('paging neither skips nor repeats, also when many were sent at once', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const texts = Array.from({ length: 25 }, (_, at) => `message ${at}`);
  await Promise.all(texts.map((text) => anna.say('bert', text)));
  const all = await bert.wholeHistory('PRIVATE', 'anna', 7);
  expect(all.map(({ text }) => text)).toEqual(texts);
  for (const [at, message] of all.entries()) {
    expect(message.previous).toBe(all[at - 1]?.guid ?? '');
    expect(message.time).toBeGreaterThan(all[at - 1]?.time ?? 0);
  }
});

test('a gap is fetched by its two times', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const sent = [];
  for (const text of ['a', 'b', 'c', 'd', 'e']) sent.push(await anna.say('bert', text));
  const [from, to] = [sent[1]?.time ?? 0, sent[3]?.time ?? 0];
  const gap = await bert.history('PRIVATE', 'anna', { oldest: from, latest: to });
  expect(gap.map(({ text }) => text).join('')).toContain('c');
  expect(gap.every(({ time }) => time >= from && time <= to)).toBe(true);
});

test('the list has every chat, the unread ones counted', async ({ user }) => {
  const [anna, bert, carl] = [await user('anna'), await user('bert'), await user('carl')];
  await befriend(anna, bert);
  await befriend(anna, carl);
  await bert.say('anna', 'one');
  await bert.say('anna', 'two');
  const last = await carl.say('anna', 'from carl');
  const list = await anna.chats();
  const chats = list.filter((packet) => packet.name === 'CHAT');
  const of = (name: string) => chats.find((packet) => packet.text('chat_id') === name);
  expect(chats.map((packet) => packet.text('chat_id')).sort()).toEqual(['bert', 'carl']);
  expect(of('bert')?.number('unread_message_count')).toBe(2);
  expect(of('carl')?.number('unread_message_count')).toBe(1);
  expect(of('carl')?.number('chat_type')).toBe(1);
  expect(of('carl')?.number('timestamp')).toBe(last.time);
  expect(list.at(-1)?.number('version')).toBeDefined();
});

test('what was read in one session is read in all', async ({ user, logIn }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const desk = await logIn('bert');
  await anna.say('bert', 'one');
  const newest = await anna.say('bert', 'two');
  await bert.message();
  bert.acknowledge(await bert.message(), 'READ');
  for (const handset of [anna, desk]) {
    const told = await handset.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === 3);
    expect(told.text('message_guid')).toBe(newest.guid);
  }
  const [chat] = await desk.chats();
  expect(chat?.text('chat_id')).toBe('anna');
  expect(chat?.number('unread_message_count') ?? 0).toBe(0);
});

test('a list that the client has is not sent again', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  await anna.say('bert', 'one');
  const version = (await anna.chats()).at(-1);
  const fields = { version: version?.number('version') ?? 0, timestamp: version?.number('timestamp') ?? 0 };
  expect((await anna.ask('HAVE_LATEST_CHAT_LIST', fields)).name).not.toBe('CHAT');
});

test("nobody reads another pair's history", async ({ user }) => {
  const [anna, bert, carl] = [await user('anna'), await user('bert'), await user('carl')];
  await befriend(anna, bert);
  await anna.say('bert', 'between us');
  for (const chat of ['anna', 'bert']) {
    const answer = await carl.ask('GET_MESSAGES', { chat_id: chat, chat_type: 1, latest_timestamp: Date.now() + 60_000, oldest_timestamp: 0, limit: 10 });
    expect(['ERROR', 'END_MESSAGES']).toContain(answer.name);
  }
});
