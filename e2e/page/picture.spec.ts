// Pictures from one browser to the other: picked, pasted, dropped.
import { png } from '../harness/png';
import { befriendThroughPage, type Person } from './person';
import { expect, test } from './visit';

const file = (tint: number) => ({ name: 'holiday.png', mimeType: 'image/png', buffer: png(320, 240, tint) });

/** Waits until so many pictures are there and have been decoded by the browser. */
async function shows(person: Person, alt: string, count = 1): Promise<void> {
  const pictures = person.page.getByRole('log').getByRole('img', { name: alt });
  await expect(pictures).toHaveCount(count);
  await expect
    .poll(() => pictures.evaluateAll((all) => all.every((img) => (img as HTMLImageElement).naturalWidth > 0)))
    .toBe(true);
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

for (const how of ['paste', 'drop'] as const) {
  test(`a picture by ${how} arrives`, async ({ registered }) => {
    const [anna, bert] = [await registered('anna'), await registered('bert')];
    await befriendThroughPage(anna, 'anna', bert, 'bert');
    await anna.openChat('bert');
    await bert.openChat('anna');
    await anna.givePicture(how, file(200));
    await shows(bert, 'Picture from anna');
    await shows(anna, 'Picture from you');
  });
}

test('a handset is told where to see it', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  await anna.pickPicture(file(120));
  const notice = await handset.unasked('FILE_RECEIVED');
  expect((await fetch(notice.text('url'))).headers.get('content-type')).toMatch(/^image\//);
});

test('a photograph goes out without what the camera wrote into it', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
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
  const buffer = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff, 0xe1]), length, note, jpeg.subarray(2)]);
  await anna.pickPicture({ name: 'lisbon.jpg', mimeType: 'image/jpeg', buffer });
  const notice = await handset.unasked('FILE_RECEIVED');
  const sent = Buffer.from(await (await fetch(notice.text('url'))).arrayBuffer());
  expect(sent.subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
  expect(buffer.includes('38.7223')).toBe(true);
  expect(sent.includes('38.7223')).toBe(false);
});

test('what is no picture is refused with words', async ({ registered, user }) => {
  const [anna, handset] = [await registered('anna'), await user('nokia')];
  await anna.addContact('nokia');
  await handset.acceptContact('anna');
  await anna.openChat('nokia');
  await anna.pickPicture({ name: 'note.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
  await expect(anna.page.getByRole('alert').filter({ hasText: /picture/i })).toBeVisible();
});
