// Addresses in what people write become links; everything else stays words, and nothing of a text is lost.
import { expect, test } from './visit';

const TEXTS: readonly (readonly [text: string, links: readonly string[]])[] = [
  ['hello: no link', []],
  ['see https://example.org/a?b=c#d.', ['https://example.org/a?b=c#d']],
  ['(http://example.org/x_(y))', ['http://example.org/x_(y)']],
  ['HTTP://EXAMPLE.ORG/A, or http://example.net!', ['HTTP://EXAMPLE.ORG/A', 'http://example.net']],
  ['<a href="https://example.org/"> 日本 https://例え.jp/道 語', ['https://example.org/', 'https://例え.jp/道']],
  ['javascript://example.org/%0aalert(1)', []],
  ['ftp://example.org data:text/html,x http:// https://', []],
];

test('addresses become links, and other schemes do not', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  for (const [text, links] of TEXTS) {
    await bert.say('anna', text);
    const words = anna.message(text).locator('.text');
    await expect(words, text).toContainText(text);
    const found = words.getByRole('link');
    await expect(found, text).toHaveText([...links]);
    for (const [place, address] of links.entries()) {
      await expect(found.nth(place)).toHaveAttribute('href', address);
      await expect(found.nth(place)).toHaveAttribute('rel', /noopener/);
    }
  }
});
