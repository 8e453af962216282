// Bad input: refused by name where the session can go on, an end where it cannot (spec/wire.md sections 2 and 10).
import { encodeFrame, MAX_PARAMS, MAX_PARAMS_BEFORE_LOGIN } from '../handset/frame';
import { integer } from '../handset/packet';
import { befriend, expect, test } from '../harness/fixtures';

const header = (command: number, transaction: number, length: number) =>
  Buffer.concat([Buffer.from([2]), integer(command, 2), integer(transaction, 2), integer(length, 4)]);

const GARBAGE: [string, Buffer][] = [
  ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['wrong MAGIC after a good packet', Buffer.concat([encodeFrame({ command: 2, transaction: 1, blocks: [] }), Buffer.from([3])])],
  ['PACK_LEN over the limit', header(2, 1, MAX_PARAMS + 1)],
  ['the largest PACK_LEN', header(2, 1, 0xffff_ffff)],
  ['a block that runs past PACK_LEN', Buffer.concat([header(500, 1, 6), integer(8, 2), integer(1, 4)])],
  ['a block of 4 GiB', Buffer.concat([header(500, 1, 6), integer(8, 2), integer(0xffff_ffff, 4)])],
  ['trailing bytes inside PARAMS', Buffer.concat([header(2, 1, 3), Buffer.from([0, 1, 0])])],
];

for (const [what, bytes] of GARBAGE) {
  test(`ends the connection, and only it: ${what}`, async ({ user, connect }) => {
    const [before, inside] = [await connect(), await user('anna')];
    for (const handset of [before, inside]) {
      handset.connection.write(bytes);
      await handset.connection.ended;
    }
    await (await connect()).keepAlive();
  });
}

test('a packet that never ends holds up nobody', async ({ user, connect }) => {
  const [anna, bert, stranger] = [await user('anna'), await user('bert'), await connect()];
  bert.connection.write(header(500, 1, MAX_PARAMS));
  stranger.connection.write(header(200, 1, MAX_PARAMS_BEFORE_LOGIN));
  await anna.keepAlive();
  expect(bert.connection.over || stranger.connection.over).toBe(false);
});

test('a packet that is too long before log-in ends the connection by its header', async ({ connect }) => {
  const stranger = await connect();
  stranger.connection.write(header(200, 1, MAX_PARAMS_BEFORE_LOGIN + 1));
  await stranger.connection.ended;
});

test('a command that is not served is refused by name, and the session goes on', async ({ user }) => {
  const anna = await user('anna');
  for (const command of [901, 4711, 65_535]) {
    const number = 900 + (command % 7);
    anna.connection.write(encodeFrame({ command, transaction: number, blocks: [] }));
    const answer = await anna.connection.next((packet) => packet.transaction === number, `the answer to ${command}`);
    expect(answer.name).toBe('ERROR');
    expect(answer.number('code')).toBe(1);
    expect(answer.text('description')).toMatch(command === 901 ? /901|ACCOUNT_BALANCE/i : new RegExp(`${command}`));
  }
  await anna.keepAlive();
});

test('a required block that is missing is named', async ({ user }) => {
  const anna = await user('anna');
  const cases: [string, RegExp][] = [
    ['MESSAGE', /destination|content/i],
    ['ADD_CONTACT', /username/i],
    ['SET_PRESENCE', /presence/i],
    ['JOIN_CHATROOM', /chatroom.name/i],
    ['GET_MESSAGES', /chat.id/i],
    ['REMOVE_CONTACT', /contact.id/i],
  ];
  for (const [request, named] of cases) {
    await test.step(request, async () => {
      const answer = await anna.ask(request);
      expect(answer.name).toBe('ERROR');
      expect(answer.number('code')).toBe(1);
      expect(answer.text('description')).toMatch(named);
    });
  }
});

test('an integer of an odd length is an error that names the block', async ({ user }) => {
  const anna = await user('anna');
  for (const content of [Buffer.alloc(3, 1), Buffer.alloc(0), Buffer.from('0100000000000001', 'hex')]) {
    const answer = await anna.ask('SET_PRESENCE', { presence: content });
    expect(answer.name).toBe('ERROR');
    expect(answer.text('description')).toMatch(/presence/i);
  }
  await anna.request('SET_PRESENCE', { presence: integer(3, 8) });
});

test('unknown blocks do not disturb', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const text = Buffer.from('hello');
  const blocks = [
    { id: 8, content: text },
    { id: 60_000, content: Buffer.alloc(10, 255) },
    { id: 4, content: Buffer.from('bert') },
    { id: 3, content: Buffer.from([1]) },
    { id: 1, content: Buffer.from([1]) },
    { id: 8, content: Buffer.from('the first of a repeated id wins') },
  ];
  anna.connection.write(encodeFrame({ command: 500, transaction: 77, blocks }));
  const answer = await anna.connection.next((packet) => packet.transaction === 77, 'the answer to 77');
  expect(answer.name).toBe('OK');
  expect((await bert.message()).text).toBe('hello');
});
