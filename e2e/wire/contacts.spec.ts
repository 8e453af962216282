// Contact requests: asked, accepted, rejected, removed (spec/wire.md section 5).
import { VALUES } from '../handset/catalogue';
import { refusal, type Handset } from '../handset/handset';
import { befriend, expect, test } from '../harness/fixtures';

const names = async (handset: Handset) => (await handset.contactList()).contacts.map((contact) => contact.text('username'));

test('a request is accepted and both see each other', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert', { presence: 'AWAY' })];
  const { ofOne, ofOther } = await befriend(anna, bert);
  expect(ofOne.text('username')).toBe('bert');
  expect(ofOther.text('username')).toBe('anna');
  expect(await names(anna)).toEqual(['bert']);
  expect(await names(bert)).toEqual(['anna']);
  const [contact] = (await anna.contactList()).contacts;
  expect(contact?.number('presence')).toBe(VALUES['Presence']?.['AWAY']);
});

test('presence is hidden until the request is accepted', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.unasked('CONTACT_REQUEST', (packet) => packet.text('username') === 'anna');
  for (const contact of (await anna.contactList()).contacts) {
    expect(contact.number('presence')).toBe(VALUES['Presence']?.['OFFLINE']);
  }
  expect(await names(bert)).toEqual([]);
});

test('a request waits for who is not there', async ({ user, logIn }) => {
  const anna = await user('anna');
  await (await user('bert')).logOut();
  await anna.addContact('bert');
  const bert = await logIn('bert');
  const open = await bert.list('GET_CONTACT_REQUESTS', {}, 'OK');
  expect(open.map((packet) => packet.name)).toEqual(['CONTACT_REQUEST', 'OK']);
  expect(open[0]?.text('username')).toBe('anna');
  await bert.request('ACCEPT_CONTACT_REQUEST', { contact_username: 'anna', add_contact: true });
  await anna.becomesContact('bert');
  expect((await bert.list('GET_CONTACT_REQUESTS', {}, 'OK')).length).toBe(1);
});

test('a rejected request makes no contact', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.unasked('CONTACT_REQUEST');
  await bert.request('REJECT_CONTACT_REQUEST', { username: 'anna', block_user: 0 });
  expect((await bert.list('GET_CONTACT_REQUESTS', {}, 'OK')).length).toBe(1);
  expect(await names(bert)).toEqual([]);
  await refusal(anna.say('bert', 'why?'));
});

test('who is blocked cannot ask again, and is not told', async ({ user }) => {
  const [anna, bert, carl] = [await user('anna'), await user('bert'), await user('carl')];
  await anna.addContact('bert');
  await bert.unasked('CONTACT_REQUEST');
  await bert.request('REJECT_CONTACT_REQUEST', { username: 'anna', block_user: 1 });
  await anna.ask('ADD_CONTACT', { username: 'bert' });
  await carl.addContact('bert');
  expect((await bert.unasked('CONTACT_REQUEST')).text('username')).toBe('carl');
  const open = await bert.list('GET_CONTACT_REQUESTS', {}, 'OK');
  expect(open.filter((packet) => packet.name === 'CONTACT_REQUEST').map((packet) => packet.text('username'))).toEqual(['carl']);
});

test('removal is mutual', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne } = await befriend(anna, bert);
  await anna.request('REMOVE_CONTACT', { contact_id: ofOne.number('contact_id') ?? 0 });
  for (const handset of [anna, bert]) {
    await handset.unasked('CONTACT_LIST_VERSION');
    expect(await names(handset)).toEqual([]);
  }
  await refusal(bert.say('anna', 'still there?'));
});

test('two who ask each other are contacts', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.addContact('anna');
  await anna.becomesContact('bert');
  await bert.becomesContact('anna');
});

test('strangers and unknown names get the same answers', async ({ user }) => {
  const [anna] = [await user('anna'), await user('bert')];
  const [stranger, nobody] = [await refusal(anna.say('bert', 'hello')), await refusal(anna.say('nobody', 'hello'))];
  expect([nobody.code, nobody.text.replaceAll('nobody', 'NAME')]).toEqual([
    stranger.code,
    stranger.text.replaceAll('bert', 'NAME'),
  ]);
});

test('contacts are still there after a log-out', async ({ user, logIn }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  await anna.logOut();
  expect(await names(await logIn('anna'))).toEqual(['bert']);
});

test('who is blocked is not heard, until he is allowed again', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await befriend(anna, bert);
  await anna.request('SET_PERMISSION', { username: 'bert', permission: VALUES['Permission']?.['BLOCK'] ?? 0 });
  await refusal(bert.say('anna', 'hello?'));
  await anna.request('SET_PERMISSION', { username: 'bert', permission: VALUES['Permission']?.['ALLOW'] ?? 0 });
  await bert.say('anna', 'thank you');
  expect((await anna.message()).text).toBe('thank you');
});

test('a client that keeps its list gets it again only when it has changed', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const timestamp = (packets: { name: string; number(field: string): number | undefined }[]) =>
    packets.find(({ name }) => name === 'CONTACT_LIST_VERSION')?.number('timestamp') ?? -1;
  const ask = (known: number) => anna.list('HAVE_LATEST_CONTACT_LIST', { timestamp: known }, 'GET_CONTACTS_COMPLETE');
  const known = timestamp(await ask(0));
  expect(known).toBeGreaterThanOrEqual(0);
  expect((await anna.ask('HAVE_LATEST_CONTACT_LIST', { timestamp: known })).name).not.toBe('GROUP');
  await befriend(anna, bert);
  expect((await ask(known)).map(({ name }) => name)).toContain('CONTACT');
});
