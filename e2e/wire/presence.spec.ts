// Presence and status messages, for accepted contacts only (spec/wire.md section 5).
import { value } from '../handset/catalogue';
import type { Handset } from '../handset/handset';
import { refusal } from '../handset/handset';
import type { Packet } from '../handset/packet';
import { befriend, expect, test } from '../harness/fixtures';

/** Waits until a contact has this presence. */
async function sees(handset: Handset, contact: Packet, presence: string): Promise<void> {
  const [id, wanted] = [contact.number('contact_id'), value('Presence', presence)];
  await handset.unasked('PRESENCE', (packet) => packet.number('contact_id') === id && packet.number('presence') === wanted);
}

test('contacts see presence and status message change', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne: bertContact } = await befriend(anna, bert);

  await bert.request('SET_PRESENCE', { presence: value('Presence', 'BUSY') });
  await sees(anna, bertContact, 'BUSY');

  await bert.request('SET_STATUS_MESSAGE', { status_message: 'på ferie ☀' });
  const status = await anna.unasked('STATUS_MESSAGE');
  expect(status.number('contact_id')).toBe(bertContact.number('contact_id'));
  expect(status.text('status_message')).toBe('på ferie ☀');

  const [contact] = (await anna.contactList()).contacts;
  expect(contact?.number('presence')).toBe(value('Presence', 'BUSY'));
  expect(contact?.text('status_message')).toBe('på ferie ☀');
});

test('contacts see a new display picture', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne: bertContact } = await befriend(anna, bert);
  await bert.request('SET_DISPLAY_PICTURE', { display_picture_guid: 'b0f3-11' });
  const told = await anna.unasked('DISPLAY_PICTURE');
  expect(told.number('contact_id')).toBe(bertContact.number('contact_id'));
  expect(told.text('display_picture_guid')).toBe('b0f3-11');
  expect((await anna.contactList()).contacts[0]?.text('display_picture_guid')).toBe('b0f3-11');
});

test('coming and going is seen', async ({ user, logIn }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne } = await befriend(anna, bert);
  await bert.logOut();
  await sees(anna, ofOne, 'OFFLINE');
  await logIn('bert', { presence: 'AWAY' });
  await sees(anna, ofOne, 'AWAY');
});

test('of two sessions the most available shows', async ({ user, logIn }) => {
  const [anna, phone] = [await user('anna'), await user('bert', { presence: 'AWAY' })];
  const { ofOne } = await befriend(anna, phone);
  const desk = await logIn('bert', { presence: 'AVAILABLE' });
  await sees(anna, ofOne, 'AVAILABLE');
  await desk.logOut();
  await sees(anna, ofOne, 'AWAY');
});

test('who appears offline looks offline', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne } = await befriend(anna, bert);
  await bert.request('SET_PRESENCE', { presence: value('Presence', 'OFFLINE') });
  await sees(anna, ofOne, 'OFFLINE');
  await anna.say('bert', 'I know that you are there');
  expect((await bert.message()).text).toBe('I know that you are there');
});

test('strangers see nothing', async ({ user }) => {
  const [anna, bert, carl] = [await user('anna'), await user('bert'), await user('carl')];
  await befriend(anna, bert);
  await bert.request('SET_PRESENCE', { presence: value('Presence', 'BUSY') });
  await anna.unasked('PRESENCE', (packet) => packet.number('presence') === value('Presence', 'BUSY'));
  await carl.keepAlive();
  expect(carl.connection.received.filter((packet) => packet.name === 'PRESENCE')).toEqual([]);
});

test('a presence that is none is refused', async ({ user }) => {
  const anna = await user('anna');
  const refused = await refusal(anna.request('SET_PRESENCE', { presence: 200 }));
  expect(refused.code).toBe(1);
  expect(refused.text.toLowerCase()).toContain('presence');
});
