// Messages for who is not there, and those that did not arrive for sure (spec/wire.md section 4).
import { befriend, expect, test } from '../harness/fixtures';

test('what was said meanwhile comes at log-in, oldest first, with its own time', async ({ user, logIn }) => {
  const [anna, away] = [await user('anna'), await user('bert')];
  await befriend(anna, away);
  await away.logOut();
  const sent = [];
  for (const text of ['one', 'two', 'three']) sent.push(await anna.say('bert', text));
  const bert = await logIn('bert');
  for (const { guid, time } of sent) expect(await bert.message()).toMatchObject({ guid, time, from: 'anna' });
});

test('a message comes again until RECEIVED was sent for it', async ({ user, logIn }) => {
  const [anna, first] = [await user('anna'), await user('bert')];
  await befriend(anna, first);
  await anna.say('bert', 'one');
  await anna.say('bert', 'two');
  const one = await first.message();
  await first.message();
  await first.connection.cut();

  const second = await logIn('bert');
  expect((await second.message()).guid).toBe(one.guid);
  expect((await second.message()).text).toBe('two');
  second.acknowledge(one);
  await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.text('message_guid') === one.guid);
  await second.connection.cut();

  const third = await logIn('bert');
  const two = await third.message();
  expect(two.text).toBe('two');
  third.acknowledge(two);
  await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.text('message_guid') === two.guid);
  await third.connection.cut();

  await anna.say('bert', 'three');
  expect((await (await logIn('bert')).message()).text).toBe('three');
});

test('a client without receipts that is cut off gets all of it again, whatever it said first', async ({ user, logIn }) => {
  const [anna, away] = [await user('anna'), await user('bert')];
  await befriend(anna, away);
  await away.logOut();
  const guids: string[] = [];
  for (let n = 0; n < 60; n += 1) guids.push((await anna.say('bert', `text ${n}`)).guid);

  const first = await logIn('bert');
  await first.keepAlive();
  await first.connection.cut();

  const second = await logIn('bert');
  for (const guid of guids) expect((await second.message()).guid).toBe(guid);
  expect(anna.connection.received.filter(({ name }) => name === 'MESSAGE_STATUS_EVENT')).toEqual([]);
  // who logs out has them
  await second.logOut();
  for (const guid of guids) {
    await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.text('message_guid') === guid);
  }
  await anna.say('bert', 'later');
  expect((await (await logIn('bert')).message()).text).toBe('later');
});

test('for a client without receipts, the end of its stream says that all arrived', async ({ user, logIn }) => {
  const [anna, first] = [await user('anna'), await user('bert')];
  await befriend(anna, first);
  const { guid } = await anna.say('bert', 'one');
  await first.message();
  await first.connection.close();
  await anna.unasked('MESSAGE_STATUS_EVENT', (packet) => packet.text('message_guid') === guid);
  await anna.say('bert', 'two');
  expect((await (await logIn('bert')).message()).text).toBe('two');
});

test('what was fetched does not come again', async ({ user, logIn }) => {
  const [anna, away] = [await user('anna'), await user('bert')];
  await befriend(anna, away);
  await away.logOut();
  await anna.say('bert', 'one');
  const first = await logIn('bert');
  await first.message();
  expect((await first.history('PRIVATE', 'anna')).map(({ text }) => text)).toEqual(['one']);
  await first.connection.cut();
  await anna.say('bert', 'two');
  expect((await (await logIn('bert')).message()).text).toBe('two');
});

test('a second session does not get what the first one has received', async ({ user, logIn }) => {
  const [anna, phone] = [await user('anna'), await user('bert')];
  await befriend(anna, phone);
  await anna.say('bert', 'one');
  phone.acknowledge(await phone.message());
  await anna.unasked('MESSAGE_STATUS_EVENT');
  const desk = await logIn('bert');
  await anna.say('bert', 'two');
  expect((await desk.message()).text).toBe('two');
  expect((await phone.message()).text).toBe('two');
});
