// Addresses in what people write become links; everything else stays words, and nothing of a text is lost.
import { expect, test } from './visit';

const TEXTS: readonly (readonly [text: string, links: readonly string[]])[] = [
  ['hello: no link', []],
  ['see https://example.org/a?b=c#d.', ['https://example.org/a?b=c#d']],
  ['(http://example.org/x_(y))', ['http://example.org/x_(y)']],
  ['HTTP://EXAMPLE.ORG/A, or http://example.net!', ['HTTP://EXAMPLE.ORG/A', 'http://example.net']],
  ['<a href="https://example.org/"> 日本 https://例え.jp/道 語', ['https://example.org/', 'https://例え.jp/道']],
  ['“http://a.example/b”, ‘http://c.example’ «http://d.example»…', ['http://a.example/b', 'http://c.example', 'http://d.example']],
  ['見てhttps://e.example/道。次は（https://f.example/）、「https://g.example」', ['https://e.example/道', 'https://f.example/', 'https://g.example']],
  ['هل رأيت https://h.example/a؟ و https://i.example،', ['https://h.example/a', 'https://i.example']],
  ['https://j.example/\u200bx **https://k.example** _https://l.example_ ~https://m.example~', ['https://j.example/', 'https://k.example', 'https://l.example', 'https://m.example']],
  ['`https://n.example` |https://o.example| https://p.example/a_b*c~d', ['https://n.example', 'https://o.example', 'https://p.example/a_b*c~d']],
  ['((https://q.example/a_((b))_(c))) http://[::1]:8080/x http://[2001:db8::1]. [http://r.example]', ['https://q.example/a_((b))_(c)', 'http://[::1]:8080/x', 'http://[2001:db8::1]', 'http://r.example']],
  ['https://пример.рф/x L’Équipe https://fr.example/L’Équipe', ['https://пример.рф/x', 'https://fr.example/L’Équipe']],
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

test('a host that mixes scripts is shown as the browser asks for it', async ({ registered, user }) => {
  const [anna, bert] = [await registered('anna'), await user('bert')];
  await anna.addContact('bert');
  await bert.acceptContact('anna');
  await anna.openChat('bert');
  await bert.say('anna', 'log in at https://pаypal.com/safe'); // its first a is Cyrillic
  const link = anna.message('log in at').getByRole('link');
  await expect(link).toHaveText('https://xn--pypal-4ve.com/safe');
});
