// What people write, whatever it is: it stays among itself, and is sent as it was written.
import { expect, test } from './visit';

test('marks above marks stay out of the messages around them', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await bert.say('anna', 'above');
  await bert.say('anna', `Z${'\u0310\u0316'.repeat(60)}`);
  await bert.say('anna', 'below');
  await expect(anna.message('below')).toBeVisible();
  const marks = await anna.message('Z').elementHandle();
  // its shadow may lie on the edge of its neighbours
  await anna.message('Z').locator('.bubble').evaluate((bubble) => (bubble as HTMLElement).style.setProperty('box-shadow', 'none'));
  const show = (how: string) => marks?.evaluate((row, how) => (row as HTMLElement).style.setProperty('visibility', how), how);
  for (const text of ['above', 'below']) {
    const bubble = anna.message(text).locator('.bubble');
    await expect(async () => {
      await show('visible');
      const before = await bubble.screenshot();
      await show('hidden');
      expect(before.equals(await bubble.screenshot()), text).toBe(true);
    }).toPass({ timeout: 15_000 });
  }
});

test('what nobody would see is not sent, and the first line keeps its indentation', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  for (const text of ['\u200b', '\u2800 \u2800', '\u0007', ' \n ']) {
    await anna.say(text);
    await expect(anna.page.getByRole('button', { name: 'Send', exact: true })).toHaveAttribute('aria-disabled', 'true');
  }
  await anna.composer.fill('\n    indented\n  less\n\n');
  await anna.composer.press('Enter');
  expect((await bert.message()).text).toBe('    indented\n  less');
  await expect(anna.page.getByRole('log').getByRole('article')).toHaveCount(1);
});

test('what turns text around stays with who wrote it', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna', { locale: 'en-US' }), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  const status = anna.page.locator('.chat-below');
  await bert.request('SET_STATUS_MESSAGE', { status_message: 'שלום' });
  await expect(status).toHaveText(/^available · \u2068שלום\u2069$/i);

  await bert.say('anna', 'שלום לכולם');
  const time = anna.message('שלום').locator('time');
  // the hour stands left of AM or PM, also where the text goes to the left
  const [hour, half] = await time.evaluate((time) => {
    const text = time.firstChild as Text;
    const left = (from: number) => {
      const range = document.createRange();
      range.setStart(text, from);
      range.setEnd(text, from + 1);
      return range.getBoundingClientRect().left;
    };
    return [left(0), left(text.data.search(/[AP]M/))];
  });
  expect(hour).toBeLessThan(half ?? 0);
});

test('what is copied of several messages says who and when', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await bert.say('anna', 'the first');
  await expect(anna.message('the first')).toBeVisible();
  await anna.saySafely('the second');
  const copied = (from: string, to: string) =>
    anna.page.evaluate(
      ([from, to]) => {
        const text = (words: string | undefined) =>
          [...document.querySelectorAll('.text')].find((text) => text.textContent?.includes(words ?? ''))?.firstChild;
        const [start, end] = [text(from), text(to)];
        if (!start || !end) throw new Error('no such message');
        getSelection()?.setBaseAndExtent(start, 0, end, 3);
        const data = new DataTransfer();
        const event = new ClipboardEvent('copy', { bubbles: true, cancelable: true, clipboardData: data });
        start.parentElement?.dispatchEvent(event);
        return [event.defaultPrevented, data.getData('text/plain')];
      },
      [from, to],
    );
  const [taken, text] = await copied('the first', 'the second');
  expect(taken).toBe(true);
  expect(text).toMatch(/^\[\d\d\/\d\d\/\d{4}, \d\d:\d\d\] bert: the first\n\[\d\d\/\d\d\/\d{4}, \d\d:\d\d\] anna: the second$/);
  expect(await copied('the first', 'the first'), 'a part of one is copied as it is').toEqual([false, '']);
});
