// The connection lost and found: the banner, and nothing that was typed is lost or said twice.
import { doorOf, pageOf } from './door';
import { expect, test } from './visit';

// a socket that fails is told to the console by the browser itself
test.use({ expectedComplaints: /WebSocket connection to|Failed to load resource/ });

test('the upstream down shows the banner; typed meanwhile, it arrives once', async ({ program, relay, start, visit, user }) => {
  const between = await relay(program.tcp);
  const bridge = await start({ upstream: `127.0.0.1:${between.address.port}` });
  const [anna, bert] = [await visit({ address: bridge.page }), await user('bert')];
  await anna.register('anna');
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await expect(anna.banner).toHaveCount(0);

  between.down();
  await expect(anna.banner).toBeVisible();
  await bert.say('anna', 'can you hear me?');
  await anna.say('typed while down');
  await expect(anna.message('typed while down')).toBeVisible();
  await expect(anna.composer).toBeEditable();

  between.restore(program.tcp);
  await expect(anna.banner).toHaveCount(0, { timeout: 20_000 });
  expect((await bert.message()).text).toBe('typed while down');
  await expect(anna.message('typed while down').locator('.state')).toHaveText(/Sent|Delivered/);
  await expect(anna.message('can you hear me?')).toHaveCount(1);
  await anna.say('and now');
  expect((await bert.message()).text).toBe('and now');
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(3);
});

test('the program killed and started again: the page comes back by itself', async ({ chat, program, start, connect }) => {
  const { door, anna, bert } = chat;
  await anna.saySafely('before');
  bert.acknowledge(await bert.message());

  await program.kill();
  await expect(anna.banner).toBeVisible();
  await anna.say('typed while dead');

  const again = await start();
  door.restore(pageOf(again));
  const back = await connect(again.tcp);
  await back.logIn({ username: 'bert', password: 'SeCreT1' });
  // its next try may be some seconds away
  await expect(anna.banner).toHaveCount(0, { timeout: 20_000 });
  expect((await back.message((message) => message.text !== 'before')).text).toBe('typed while dead');
  await expect(anna.page.getByRole('log').getByRole('article')).toContainText(['before', 'typed while dead']);
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(2);
});

test('a message whose OK was lost is not said twice', async ({ chat, program }) => {
  const { door, anna, bert } = chat;

  door.mute();
  await anna.say('did you get this?');
  const first = await bert.message();
  expect(first.text).toBe('did you get this?');
  await expect(anna.message('did you get this?').locator('.state')).toHaveText('Sending');
  door.down();
  door.restore(pageOf(program));
  await expect(anna.message('did you get this?').locator('.state')).toHaveText(/Sent|Delivered/, { timeout: 20_000 });
  await anna.say('next');
  expect((await bert.message()).text).toBe('next');
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(2);
});

test('what was typed while down survives a reload', async ({ chat, program }) => {
  const { door, anna, bert } = chat;
  door.down();
  await expect(anna.banner).toBeVisible();
  await anna.say('into the outbox');
  await expect(anna.message('into the outbox')).toBeVisible();
  door.restore(pageOf(program));
  await anna.page.reload();
  await anna.isInChat('bert');
  expect((await bert.message()).text).toBe('into the outbox');
  await expect(anna.message('into the outbox')).toHaveCount(1);
});

test('a stop and a new start: the page comes back by itself', async ({ program, relay, start, visit }) => {
  const door = await relay(pageOf(program));
  const anna = await visit({ address: doorOf(door) });
  await anna.register('anna');
  await program.stop();
  await expect(anna.banner).toBeVisible();
  await expect(anna.page.getByRole('button', { name: 'Log out' })).toBeVisible();
  door.restore(pageOf(await start()));
  await expect(anna.banner).toHaveCount(0, { timeout: 20_000 });
  await anna.joinRoom('Lobby');
});

test('the banner lies beside or above what is told, and its button can be pressed', async ({ program, relay, visit }) => {
  const anna = await visit({ address: doorOf(await relay(pageOf(program))), viewport: { width: 1280, height: 740 } });
  await anna.register('anna');
  const notice = anna.page.locator('.toast').first();
  await expect(notice).toContainText('Message of the day');
  await program.stop();
  await expect(anna.banner).toContainText('Trying again in');
  const [banner, told] = [await anna.banner.boundingBox(), await notice.boundingBox()];
  if (banner === null || told === null) throw new Error('one of the two is not to be seen');
  const isBeside = banner.x + banner.width <= told.x || told.x + told.width <= banner.x;
  const isAbove = banner.y + banner.height <= told.y;
  expect(isBeside || isAbove, JSON.stringify({ banner, told })).toBe(true);
  // a click goes to what is on top
  await anna.page.getByRole('button', { name: 'Try now' }).click({ timeout: 5_000 });
});

test('a device clock that is set back an hour holds nothing up', async ({ program, relay, visit }) => {
  const door = await relay(pageOf(program));
  const anna = await visit({ address: doorOf(door) });
  await anna.register('anna');
  const socket = anna.page.waitForEvent('websocket');
  await anna.page.reload();
  await anna.isLoggedIn();
  const closed = (await socket).waitForEvent('close');
  door.down();
  await closed;
  await anna.page.evaluate(() => {
    const real = Date.now;
    Date.now = () => real() - 3_600_000;
  });
  await expect(anna.banner).toBeVisible();
  door.restore(pageOf(program));
  await expect(anna.banner).toHaveCount(0, { timeout: 40_000 });
  await anna.joinRoom('Lobby');
});
