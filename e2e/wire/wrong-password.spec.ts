// Wrong passwords: the server's words, ever slower, and the right one still gets in (spec/wire.md section 3).
import { refusal } from '../handset/handset';
import { expect, test } from '../harness/fixtures';

test('wrong answers are told so, and slow down', async ({ user, connect, logIn }) => {
  test.slow();
  await user('anna');
  const took: number[] = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    const handset = await connect();
    const before = performance.now();
    const refused = await refusal(handset.logIn({ username: 'anna', password: `wrong${attempt}` }));
    took.push(performance.now() - before);
    expect(refused.text).toMatch(/password|log ?in|wrong|try again/i);
  }
  const [first = 0, last = 0] = [took[0], took.at(-1)];
  expect(last, `took ${took.map(Math.round).join(', ')} ms`).toBeGreaterThan(first + 100);
  await logIn('anna');
});
