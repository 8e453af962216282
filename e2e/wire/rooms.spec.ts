// Rooms: found, made, joined, talked in, left (spec/wire.md section 6).
import { value } from '../handset/catalogue';
import { refusal, type Handset } from '../handset/handset';
import type { Packet } from '../handset/packet';
import { expect, test } from '../harness/fixtures';

async function search(handset: Handset, search_string: string): Promise<Packet[]> {
  const packets = await handset.list('GET_CHATROOMS', { search_string, page: 1 }, 'GET_CHATROOMS_COMPLETE');
  return packets.filter((packet) => packet.name === 'CHATROOM');
}

const namesOf = (rooms: Packet[]) => rooms.map((room) => room.text('chatroom_name'));

/** Waits until somebody is told to have come or gone. */
async function told(handset: Handset, status: string, username: string): Promise<Packet> {
  return handset.unasked(
    'CHATROOM_USER_STATUS',
    (packet) => packet.number('status') === value('ChatUserStatus', status) && packet.text('username') === username,
  );
}

test('a new service has a Lobby for 1,000', async ({ user }) => {
  const [lobby] = await search(await user('anna'), '');
  expect(lobby?.text('chatroom_name')).toBe('Lobby');
  expect(lobby?.number('max_participants')).toBe(1000);
});

test('a room is made, and found by part of its name in any case', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.request('CREATE_CHATROOM', { chatroom_name: 'Tea and Cake', description: 'what it says' });
  for (const part of ['cake', 'TEA AND', 'Tea and Cake']) expect(namesOf(await search(bert, part))).toEqual(['Tea and Cake']);
  expect(namesOf(await search(bert, 'coffee'))).toEqual([]);
  const [room] = await search(bert, 'cake');
  expect(room?.text('description')).toBe('what it says');
  expect(room?.text('creator_name')).toBe('anna');
  expect(room?.number('max_participants')).toBe(25);
  await refusal(bert.request('CREATE_CHATROOM', { chatroom_name: 'TEA and cake' }));
});

test('many rooms come in pages, counted from 1', async ({ user }) => {
  const made: string[] = [];
  for (const name of ['anna', 'bert', 'carl']) {
    const owner = await user(name);
    for (let number = 0; number < 8; number++) {
      made.push(`Page ${name} ${number}`);
      await owner.request('CREATE_CHATROOM', { chatroom_name: made.at(-1) ?? '' });
    }
  }
  const reader = await user('reader');
  const found: string[] = [];
  for (let page = 1, pages = 1; page <= pages; page++) {
    const packets = await reader.list('GET_CHATROOMS', { search_string: 'page', page }, 'GET_CHATROOMS_COMPLETE');
    pages = packets.at(-1)?.number('number_of_pages') ?? 0;
    expect(pages).toBeGreaterThan(1);
    found.push(...namesOf(packets.slice(0, -1)));
  }
  expect(found.sort()).toEqual(made.sort());
});

test('room names are 3 to 30 characters of a few kinds', async ({ user }) => {
  const anna = await user('anna');
  for (const chatroom_name of ['', 'ab', 'x'.repeat(31), ' abc', '_abc', 'a  b', 'a;b', 'a/b']) {
    await test.step(`not "${chatroom_name}"`, () => refusal(anna.request('CREATE_CHATROOM', { chatroom_name })));
  }
  for (const chatroom_name of ['abc', '1 a_b-c.d', 'y'.repeat(30)]) {
    await test.step(`"${chatroom_name}"`, () => anna.request('CREATE_CHATROOM', { chatroom_name }));
  }
});

test('who joins is told who is there; the others are told who comes and goes', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  expect((await anna.joinRoom('Lobby')).list('participant_list')).toEqual(['anna']);
  const participants = await bert.joinRoom('lobby');
  expect(participants.text('chatroom_name')).toBe('Lobby');
  expect(participants.list('participant_list').sort()).toEqual(['anna', 'bert']);
  expect((await told(anna, 'JOINED', 'bert')).text('chatroom_name')).toBe('Lobby');

  const asked = await anna.request('GET_CHATROOM_PARTICIPANTS', { chatroom_name: 'Lobby' }, 'CHATROOM_PARTICIPANTS');
  expect(asked.list('participant_list').sort()).toEqual(['anna', 'bert']);

  await bert.request('LEAVE_CHATROOM', { chatroom_name: 'Lobby' });
  expect((await told(anna, 'LEFT', 'bert')).text('chatroom_name')).toBe('Lobby');
  await bert.joinRoom('Lobby');
  await told(anna, 'JOINED', 'bert');
  // who breaks off leaves once it is not back in seconds (rejoin_s)
  await bert.connection.cut();
  await told(anna, 'LEFT', 'bert');
});

test('what is said reaches everybody in the room, and nobody outside', async ({ user }) => {
  const [anna, bert, carl] = [await user('anna'), await user('bert'), await user('carl')];
  await anna.joinRoom('Lobby');
  await bert.joinRoom('Lobby');
  const sent = await anna.talk('Lobby', 'hello all');
  expect(await bert.message()).toMatchObject({ guid: sent.guid, from: 'anna', to: 'Lobby', kind: 3, text: 'hello all', time: sent.time });
  await refusal(carl.talk('Lobby', 'from outside'));
  await bert.talk('Lobby', 'hello anna');
  expect(await anna.message()).toMatchObject({ from: 'bert', text: 'hello anna', previous: sent.guid });
  await carl.keepAlive();
  expect(carl.connection.received.filter((packet) => packet.name === 'MESSAGE')).toEqual([]);
});

test('who comes in gets the last 50 messages, oldest first', async ({ user }) => {
  test.slow();
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.joinRoom('Lobby');
  for (let number = 1; number <= 53; number++) await anna.talk('Lobby', `line ${number}`);
  await bert.joinRoom('Lobby');
  const lines: string[] = [];
  for (let number = 4; number <= 53; number++) {
    const packet = await bert.connection.next((candidate) => candidate.name === 'MESSAGE', `line ${number}`);
    lines.push(packet.text('content'));
  }
  expect(lines).toEqual(Array.from({ length: 50 }, (_, at) => `line ${at + 4}`));
  await anna.talk('Lobby', 'now');
  expect((await bert.message()).text).toBe('now');
});

test('joining again is answered as at first, and told to nobody', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.joinRoom('Lobby');
  await bert.joinRoom('Lobby');
  await told(anna, 'JOINED', 'bert');
  expect((await bert.joinRoom('Lobby')).list('participant_list').sort()).toEqual(['anna', 'bert']);
  const rooms = (await bert.chats()).filter((packet) => packet.name === 'CHAT' && packet.number('chat_type') === value('ChatDestination', 'CHATROOM'));
  expect(rooms.map((packet) => packet.text('chat_id'))).toEqual(['Lobby']);
  await bert.talk('Lobby', 'hello');
  await anna.message();
  expect(anna.connection.received.filter(({ name }) => name === 'CHATROOM_USER_STATUS').length).toBe(1);
});

test('a full room lets only its administrator in', async ({ user }) => {
  test.slow();
  const owner = await user('owner');
  await owner.request('CREATE_CHATROOM', { chatroom_name: 'Small' });
  for (let number = 1; number <= 25; number++) await (await user(`guest${number}`)).joinRoom('Small');
  const late = await user('late');
  expect((await refusal(late.joinRoom('Small'))).text).not.toBe('');
  const participants = await owner.joinRoom('Small');
  expect(participants.list('participant_list')).toContain('owner');
  expect(participants.list('administrator_list')).toEqual(['owner']);
});

test('a room that is not there, or not joined, is refused', async ({ user }) => {
  const anna = await user('anna');
  await refusal(anna.joinRoom('Nowhere'));
  await refusal(anna.talk('Nowhere', 'hello?'));
  await refusal(anna.talk('Lobby', 'hello?'));
  await refusal(anna.request('LEAVE_CHATROOM', { chatroom_name: 'Nowhere' }));
});
