// More requests than allowed in a time (spec/wire.md section 10).
import { encodeFrame } from '../handset/frame';
import { expect, test } from '../harness/fixtures';

test('a flood is answered with the time to wait, then ended; others do not notice', async ({ user }) => {
  test.slow();
  const [anna, bert] = [await user('anna'), await user('bert')];
  const { connection } = anna;
  const burst = Buffer.concat(
    Array.from({ length: 500 }, (_, at) => encodeFrame({ command: 551, transaction: at + 100, blocks: [] })),
  );
  let bursts = 0;
  for (; bursts < 40 && !connection.over; bursts++) {
    connection.write(burst);
    const last = connection.next((packet) => packet.transaction === 599, 'the answer to the last of a burst');
    await Promise.race([last.catch(() => undefined), connection.ended]);
  }
  expect(connection.over, `still open after ${bursts * 500} requests`).toBe(true);
  const refused = connection.received.filter((packet) => packet.name === 'ERROR').map((packet) => packet.text('description'));
  expect(refused.some((text) => /\d+ ?(s|ms|second)/i.test(text)), refused.slice(0, 3).join('; ')).toBe(true);
  await bert.keepAlive();
});
