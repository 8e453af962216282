// Private messages between people who are there (spec/wire.md section 4).
import { randomUUID } from 'node:crypto';
import { value } from '../handset/catalogue';
import { refusal } from '../handset/handset';
import { befriend, expect, test } from '../harness/fixtures';
import { png } from '../harness/png';

test('a message arrives with guid, time and what came before it', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const before = Date.now();
  const first = await anna.say('bert', 'hello');
  const second = await anna.say('bert', 'are you there?');
  expect(first.guid).not.toBe('');
  expect(first.time).toBeGreaterThan(before - 60_000);
  expect(first.time).toBeLessThan(Date.now() + 60_000);
  expect(second.time).toBeGreaterThan(first.time);

  const [one, two] = [await bert.message(), await bert.message()];
  expect(one).toMatchObject({ guid: first.guid, from: 'anna', to: 'bert', kind: 1, contentType: 1, text: 'hello', time: first.time });
  expect(two).toMatchObject({ guid: second.guid, text: 'are you there?', time: second.time, previous: first.guid });
  expect(one.previous).toBe('');

  const reply = await bert.say('anna', 'yes');
  expect(await anna.message()).toMatchObject({ guid: reply.guid, from: 'bert', text: 'yes', previous: second.guid });
});

test('the guid of the client is kept, and makes a retry no second message', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const guid = randomUUID();
  const first = await anna.say('bert', 'once', guid);
  expect(first.guid).toBe(guid);
  expect(await anna.say('bert', 'once', guid)).toEqual(first);
  const next = await anna.say('bert', 'next');
  expect((await bert.message()).guid).toBe(guid);
  expect((await bert.message()).guid).toBe(next.guid);
  expect((await anna.history('PRIVATE', 'bert')).map(({ text }) => text)).toEqual(['once', 'next']);
});

test('guids are compared by sender', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const guid = randomUUID();
  await anna.say('bert', 'mine', guid);
  await bert.say('anna', 'yours', guid);
  expect((await anna.message()).text).toBe('yours');
  expect((await bert.message()).text).toBe('mine');
});

test('the source is who is logged in, whatever the client claims', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  await anna.sendMessage('PRIVATE', 'bert', { source: 'carl', content: Buffer.from('it is me') });
  expect((await bert.message()).from).toBe('anna');
});

test("the sender's other sessions get it too", async ({ user, logIn }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const desk = await logIn('anna');
  const sent = await anna.say('bert', 'from the phone');
  expect(await desk.message()).toMatchObject({ guid: sent.guid, from: 'anna', to: 'bert', text: 'from the phone' });
  expect((await bert.message()).guid).toBe(sent.guid);
  await bert.say('anna', 'to both');
  expect((await desk.message()).text).toBe('to both');
  expect(await anna.message()).toMatchObject({ from: 'bert', text: 'to both' });
});

test('every byte of a text arrives', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  for (const text of ['Grüße aus Zürich', '水 and 😀', 'a\nb\tc', ' ', 'x'.repeat(8192)]) {
    await anna.say('bert', text);
    expect((await bert.message()).text).toBe(text);
  }
  await anna.sendMessage('PRIVATE', 'bert', { content: Buffer.from('waves'), content_type: value('ContentType', 'EMOTE') });
  expect(await bert.message()).toMatchObject({ text: 'waves', contentType: value('ContentType', 'EMOTE') });
});

test('what the receiver does with a message is told to the sender', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const sent = await anna.say('bert', 'seen?');
  const message = await bert.message();
  for (const event of ['RECEIVED', 'READ']) {
    bert.acknowledge(message, event);
    const told = await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.number('message_event_type') === value('StatusEvent', event));
    expect(told.text('message_guid')).toBe(sent.guid);
  }
});

test('typing is told to the other side, and kept nowhere', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  anna.send('MESSAGE_STATUS_EVENT', {
    message_type: value('MessageType', 'MIG33'),
    message_destination_type: value('ChatDestination', 'PRIVATE'),
    message_destination: 'bert',
    message_event_type: value('StatusEvent', 'COMPOSING'),
  });
  const told = await bert.unasked('MESSAGE_STATUS_EVENT');
  expect(told.number('message_event_type')).toBe(value('StatusEvent', 'COMPOSING'));
  expect(told.text('message_source')).toBe('anna');
  expect(await bert.history('PRIVATE', 'anna')).toEqual([]);
});

test('a message of an odd kind or too long is refused, and the block named', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const cases: [RegExp, Record<string, Buffer | number>][] = [
    [/destination.type/i, { destination_type: 77, content: Buffer.from('x') }],
    [/content/i, { content: Buffer.from('x'.repeat(8193)) }],
  ];
  for (const [named, fields] of cases) {
    await test.step(named.source, async () => {
      const refused = await refusal(anna.sendMessage('PRIVATE', 'bert', fields));
      expect(refused.code).toBe(1);
      expect(refused.text).toMatch(named);
    });
  }
  await refusal(anna.say('', 'to nobody'));
  expect(await anna.history('PRIVATE', 'bert')).toEqual([]);
});

test('a picture in a message arrives with its name and kind', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  const content = png(40, 30);
  const content_type = value('ContentType', 'IMAGE');
  await anna.sendMessage('PRIVATE', 'bert', { content, content_type, file_name: 'cake.png', mime_type: 'image/png' });
  const packet = await bert.unasked('MESSAGE');
  expect(packet.number('content_type')).toBe(content_type);
  expect(packet.text('file_name')).toBe('cake.png');
  expect(packet.text('mime_type')).toBe('image/png');
  expect(packet.bytes('content')?.equals(content)).toBe(true);
});
