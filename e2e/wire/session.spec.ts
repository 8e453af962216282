// A whole session of two handsets, with a bit of everything that the wire has.
//
// spec/captures/session.pcap is a recording of it, and spec/captures/session.md says how to make another one.
import { value } from '../handset/catalogue';
import { encodeFrame } from '../handset/frame';
import type { Handset } from '../handset/handset';
import { blocksOf, integer } from '../handset/packet';
import { befriend, expect, test as base } from '../harness/fixtures';
import { png } from '../harness/png';
import { Recorder } from '../harness/recorder';

const { SESSION_PCAP, SESSION_PORT = '0' } = process.env;

const test = base.extend<{ recorded: void }>({
  recorded: [
    async ({ program }, use) => {
      const recorder = SESSION_PCAP ? await Recorder.start(SESSION_PCAP, program.tcp.port) : undefined;
      await use();
      await recorder?.stop();
    },
    { auto: true },
  ],
});

test.use({ programArgs: ['--tcp-listen', `127.0.0.1:${SESSION_PORT}`] });

/** Writes bytes in pieces, so that no segment holds all of them. */
async function writeInPieces(handset: Handset, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    handset.connection.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('two people meet, talk, show a picture, sit in a room and leave', async ({ user }) => {
  // LOGIN carries the presence in four bytes, as 2.x handsets wrote it; anna asks for a token
  const anna = await user('anna', { token: Buffer.alloc(0) });
  const bert = await user('bert', { hash: 'sha1fold', presence: 'BUSY' });
  await befriend(anna, bert);
  await bert.request('SET_STATUS_MESSAGE', { status_message: 'på ferie ☀' });
  await anna.unasked('STATUS_MESSAGE');
  await bert.request('SET_PRESENCE', { presence: value('Presence', 'AWAY') });
  await anna.unasked('PRESENCE', (packet) => packet.number('presence') === value('Presence', 'AWAY'));
  expect((await anna.contactList()).contacts).toHaveLength(1);

  await anna.say('bert', 'Hello Bert 👋🏽 are you there?');
  const hello = await bert.message();
  expect(hello.text).toBe('Hello Bert 👋🏽 are you there?');
  bert.acknowledge(hello, 'RECEIVED');
  bert.acknowledge(hello, 'READ');
  const isRead = value('StatusEvent', 'READ');
  await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === isRead);

  // blocks that nobody knows, in any order, and one twice: the first counts
  const answer = encodeFrame({
    command: 500,
    transaction: 900,
    blocks: [
      { id: 4242, content: Buffer.from('deadbeef', 'hex') },
      { id: 8, content: Buffer.from('ja\nog nej') },
      ...blocksOf('MESSAGE', { content_type: 1, destination: 'anna', destination_type: integer(1, 4), message_type: 1 }),
      { id: 8, content: Buffer.from('repeated') },
      { id: 4243, content: Buffer.from('readable') },
    ],
  });
  // and two packets in one segment
  bert.connection.write(Buffer.concat([answer, encodeFrame({ command: 2, transaction: 901, blocks: [] })]));
  expect((await anna.message()).text).toBe('ja\nog nej');
  expect((await bert.connection.next((packet) => packet.transaction === 901, 'PONG')).name).toBe('PONG');

  const content = png(60, 45);
  const picture = { content, content_type: value('ContentType', 'IMAGE'), file_name: 'cake.png', mime_type: 'image/png' };
  const blocks = blocksOf('MESSAGE', bert.messageFields('PRIVATE', 'anna', picture));
  await writeInPieces(bert, encodeFrame({ command: 500, transaction: 902, blocks }), 300);
  expect((await anna.unasked('MESSAGE')).bytes('content')?.equals(content)).toBe(true);

  await anna.joinRoom('Lobby');
  expect((await bert.joinRoom('Lobby')).list('participant_list').sort()).toEqual(['anna', 'bert']);
  await anna.unasked('CHATROOM_USER_STATUS');
  await anna.talk('Lobby', '/me likes cake');
  expect((await bert.message()).text).toBe('/me likes cake');
  await bert.request('LEAVE_CHATROOM', { chatroom_name: 'Lobby' });
  await anna.unasked('CHATROOM_USER_STATUS');

  expect(await bert.history('PRIVATE', 'anna')).toHaveLength(3);
  expect(await anna.chats()).not.toHaveLength(0);
  // commands that the catalogue has by name only, and not at all
  expect((await bert.ask('GET_CHATROOM_CATEGORIES')).name).toBe('ERROR');
  for (const command of [7, 4711]) {
    bert.connection.write(encodeFrame({ command, transaction: 903, blocks: [{ id: 1, content: Buffer.from('help') }] }));
    expect((await bert.connection.next((packet) => packet.transaction === 903, 'ERROR')).name).toBe('ERROR');
  }
  await anna.keepAlive();
  await anna.logOut();
  await bert.logOut();
});
