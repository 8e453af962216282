// Groups of the contact list (spec/wire.md section 5; 408 to 411).
import { refusal, type Handset } from '../handset/handset';
import { befriend, expect, test } from '../harness/fixtures';

async function groups(handset: Handset): Promise<Map<string, number>> {
  const { groups } = await handset.contactList();
  return new Map(groups.map((group) => [group.text('group_name'), group.number('group_id') ?? -1]));
}

test('a group is added, renamed, filled and removed', async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { ofOne } = await befriend(anna, bert);
  const contact_id = ofOne.number('contact_id') ?? 0;
  const before = await groups(anna);

  await anna.request('ADD_GROUP', { group_name: 'Work' });
  const group_id = (await groups(anna)).get('Work') ?? -1;
  expect(group_id).toBeGreaterThanOrEqual(0);

  await anna.request('UPDATE_GROUP', { group_id, group_name: 'Friends of old' });
  expect((await groups(anna)).get('Friends of old')).toBe(group_id);

  await anna.request('MOVE_CONTACT', { contact_id, group_id });
  expect((await anna.contactList()).contacts[0]?.number('group_id')).toBe(group_id);

  await anna.request('REMOVE_GROUP', { group_id });
  expect(await groups(anna)).toEqual(before);
  const [contact] = (await anna.contactList()).contacts;
  expect(contact?.text('username')).toBe('bert');
  expect([...before.values()]).toContain(contact?.number('group_id'));
});

test("a group of somebody else's is out of reach", async ({ user }) => {
  const [anna, bert] = [await user('anna'), await user('bert')];
  await anna.request('ADD_GROUP', { group_name: 'Mine' });
  const group_id = (await groups(anna)).get('Mine') ?? -1;
  await refusal(bert.request('UPDATE_GROUP', { group_id, group_name: 'Yours' }));
  await refusal(bert.request('REMOVE_GROUP', { group_id }));
  expect((await groups(anna)).get('Mine')).toBe(group_id);
});
