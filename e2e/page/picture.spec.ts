// Pictures from one browser to the other: picked, pasted, dropped.
import { value } from '../handset/catalogue';
import type { Handset } from '../handset/handset';
import { chunk, png } from '../harness/png';
import { befriendThroughPage, type Person } from './person';
import { expect, test } from './visit';

interface Fixtures {
  readonly registered: (username: string) => Promise<Person>;
  readonly user: (username: string) => Promise<Handset>;
}

const file = (tint: number) => ({ name: 'holiday.png', mimeType: 'image/png', buffer: png(320, 240, tint) });

/** Waits until so many pictures are there and have been decoded by the browser. */
async function shows(person: Person, alt: string, count = 1): Promise<void> {
  const pictures = person.page.getByRole('log').getByRole('img', { name: alt });
  await expect(pictures).toHaveCount(count);
  await expect
    .poll(() => pictures.evaluateAll((all) => all.every((img) => (img as HTMLImageElement).naturalWidth > 0)))
    .toBe(true);
}

/** The next picture that somebody sends a handset. */
async function fetched(handset: Handset): Promise<Buffer> {
  const notice = await handset.unasked('FILE_RECEIVED');
  return Buffer.from(await (await fetch(notice.text('url'))).arrayBuffer());
}

test('a picture that was picked is seen by both, and after a reload', async ({ registered }) => {
  const [anna, bert] = [await registered('anna'), await registered('bert')];
  await befriendThroughPage(anna, 'anna', bert, 'bert');
  await anna.openChat('bert');
  await bert.openChat('anna');
  const progress = anna.page.getByRole('progressbar', { name: 'Sending picture' });
  await anna.page.route('**', async (route) => {
    if (route.request().method() === 'PUT') await expect(progress).toBeVisible();
    await route.continue();
  });
  await anna.pickPicture(file(40));
  await shows(bert, 'Picture from anna');
  await shows(anna, 'Picture from you');
  await expect(progress).toHaveCount(0);
  await bert.page.reload();
  await bert.isInChat('anna');
  await shows(bert, 'Picture from anna');
});

/** Anna at a page in her chat with a handset. */
async function withHandset({ registered, user }: Pick<Fixtures, 'registered' | 'user'>): Promise<[Person, Handset]> {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  return [anna, handset];
}

test('a picture that was dropped is sent, one that was pasted is shown before', async ({ registered, user }) => {
  const [anna, handset] = await withHandset({ registered, user });
  expect(await anna.give(['dragenter', 'dragover', 'drop'], [file(200)])).toBe(true);
  await shows(anna, 'Picture from you');
  expect(await fetched(handset)).toEqual(file(200).buffer);

  expect(await anna.give('paste', [file(90)])).toBe(true);
  const tray = anna.page.getByRole('list').filter({ hasText: 'holiday.png' });
  await expect(tray.locator('img')).toHaveJSProperty('naturalWidth', 320);
  await tray.getByRole('button', { name: 'Discard holiday.png' }).click();
  await expect(tray).toHaveCount(0);
  await anna.give('paste', [file(60)]);
  await tray.getByRole('button', { name: 'Send picture' }).click();
  expect(await fetched(handset)).toEqual(file(60).buffer);
  await anna.give('paste', [file(70)]);
  await expect(tray.getByRole('button', { name: 'Send picture' })).toBeVisible();
  await anna.composer.press('Enter');
  expect(await fetched(handset)).toEqual(file(70).buffer);
});

test('a text with a picture of itself is pasted as a text, and what is meant for another field stays there', async ({
  registered,
  user,
}) => {
  const [anna] = await withHandset({ registered, user });
  // the browser puts the text in
  expect(await anna.give('paste', [file(1)], undefined, 'A1\tB1')).toBe(false);
  await anna.page.evaluate(() => document.body.append(document.createElement('input')));
  expect(await anna.give('paste', [file(1)], anna.page.locator('body > input'))).toBe(false);
  await expect(anna.page.locator('.tray-card')).toHaveCount(0);
});

test('what is dropped with pictures is named, and what is dropped beside a chat opens nothing', async ({ registered, user }) => {
  const [anna, handset] = await withHandset({ registered, user });
  const notes = { name: 'notes.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF') };
  await anna.give(['dragenter', 'dragover', 'drop'], [notes, file(10)]);
  await expect(anna.page.getByRole('alert').filter({ hasText: '“notes.pdf”' })).toBeVisible();
  expect(await fetched(handset)).toEqual(file(10).buffer);

  const target = anna.page.locator('.drop-target');
  await anna.give(['dragenter', 'dragover'], [file(20)]);
  await expect(target).toHaveCount(1);
  await anna.page.getByRole('log').evaluate((log) => {
    const within = { bubbles: true, relatedTarget: log.firstElementChild };
    log.dispatchEvent(new DragEvent('dragleave', within));
  });
  await expect(target).toHaveCount(1);
  await anna.page.getByRole('log').evaluate((log) => {
    const beside = { bubbles: true, relatedTarget: document.querySelector('nav') };
    log.dispatchEvent(new DragEvent('dragleave', beside));
  });
  await expect(target).toHaveCount(0);
  expect(await anna.give(['dragover', 'drop'], [notes], anna.chats)).toBe(true);
});

test('pictures that are picked together go out in their order, all of them', async ({ registered, user }) => {
  const [anna, handset] = await withHandset({ registered, user });
  const files = [...Array(8).keys()].map((at) => file(at * 20));
  await anna.pickPicture(...files);
  for (const { buffer } of files) expect(await fetched(handset)).toEqual(buffer);
  await shows(anna, 'Picture from you', 8);
  await expect(anna.page.locator('.tray-card')).toHaveCount(0);
});

test('a handset is told where to see it', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  await anna.pickPicture(file(120));
  const notice = await handset.unasked('FILE_RECEIVED');
  expect((await fetch(notice.text('url'))).headers.get('content-type')).toMatch(/^image\//);
});

test('a photograph goes out without what the camera wrote into it, whatever it is called', async ({ registered, user }) => {
  const [anna, handset] = await withHandset({ registered, user });
  const taken = await anna.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 240);
    canvas.getContext('2d')?.fillRect(20, 20, 100, 100);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  const jpeg = Buffer.from(taken);
  const note = Buffer.from('Exif\0\0taken at 38.7223 N, 9.1393 W');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(note.length + 2);
  // the segment APP1 right behind the start of the picture
  const photograph = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1]), length, note, jpeg.subarray(2)]);
  // a chunk right behind the header
  const plain = png(32, 24);
  const noted = Buffer.concat([plain.subarray(0, 33), chunk('eXIf', note), plain.subarray(33)]);
  for (const [name, mimeType, buffer, start] of [
    ['lisbon.jpg', 'image/jpeg', photograph, 'ffd8ff'],
    ['lisbon.png', 'image/png', photograph, 'ffd8ff'],
    ['lisbon.png', 'image/png', noted, '89504e'],
  ] as const) {
    expect(buffer.includes('38.7223')).toBe(true);
    await anna.pickPicture({ name, mimeType, buffer });
    const sent = await fetched(handset);
    expect(sent.subarray(0, 3).toString('hex')).toBe(start);
    expect(sent.includes('38.7223')).toBe(false);
  }
});

test('a picture is shown by its bytes, whatever is said of it, and as large as it is', async ({ registered, user }) => {
  const [anna, handset] = await withHandset({ registered, user });
  const content_type = value('ContentType', 'IMAGE');
  for (const mime_type of ['', 'IMAGE/PNG', 'text/html']) {
    const said = mime_type === '' ? {} : { mime_type };
    await handset.sendMessage('PRIVATE', 'anna', { content: png(1, 1), content_type, ...said });
  }
  await shows(anna, 'Picture from nokia', 3);
  const picture = anna.page.getByRole('img', { name: 'Picture from nokia' }).first();
  await expect(picture).toHaveCSS('object-fit', 'scale-down');
});

test.describe('pictures that do not come', () => {
  test.use({ expectedComplaints: /Failed to load resource/ });

  test('are asked for again, until they are gone or are none', async ({ registered, user }) => {
    const [anna, handset] = await withHandset({ registered, user });
    const { page } = anna;
    let answer: 'nothing' | 'error' | 'svg' | 'gone' | 'vast' | 'picture' = 'error';
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect id="a" width="9" height="9"/></svg>`;
    const vast = png(1, 1);
    vast.writeUInt32BE(20_000, 16);
    vast.writeUInt32BE(20_000, 20);
    let asked = 0;
    await page.route('**/pictures/*', async (route) => {
      asked += 1;
      if (answer === 'nothing') await route.abort();
      else if (answer === 'error') await route.fulfill({ status: 502 });
      else if (answer === 'gone') await route.fulfill({ status: 404 });
      else if (answer === 'svg') await route.fulfill({ contentType: 'image/svg+xml', body: svg });
      else if (answer === 'vast') await route.fulfill({ contentType: 'image/png', body: vast });
      else await route.continue();
    });
    const failed = page.getByRole('log').getByText('Picture from nokia could not be loaded.');
    const send = async (): Promise<void> => {
      const fields = { file_type: 1, file_content: png(16, 9), destination: 'anna' };
      expect((await handset.ask('UPLOAD_FILE', fields)).name).toBe('OK');
    };
    await send();
    // by itself
    await expect.poll(() => asked).toBeGreaterThan(1);
    answer = 'nothing';
    const before = asked;
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => asked).toBeGreaterThan(before);
    await expect(failed).toBeVisible();
    answer = 'picture';
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await shows(anna, 'Picture from nokia');
    for (const [next, words] of [
      ['gone', /no longer there/],
      ['svg', /cannot be shown/],
      ['vast', /cannot be shown/],
    ] as const) {
      answer = next;
      await send();
      await expect(page.getByRole('article').last()).toHaveText(words);
    }
    await expect(page.getByRole('log').getByRole('img', { name: 'Picture from nokia' })).toHaveCount(1);
  });
});

test('what is no picture is refused with words', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  await anna.pickPicture({ name: 'note.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
  await expect(anna.page.getByRole('alert').filter({ hasText: /picture/i })).toBeVisible();
});
