// The handset's frames against a real handset's bytes (spec/captures) and spec/wire.md sections 1 and 2.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { BadFrame, encodeFrame, FrameReader, MAX_PARAMS } from '../handset/frame';
import { blocksOf, integer, Packet } from '../handset/packet';

const capture = Buffer.from(
  readFileSync(new URL('../../spec/captures/login-j2me-4.20.hex', import.meta.url), 'utf8')
    .replace(/#.*$/gm, '')
    .replace(/\s+/g, ''),
  'hex',
);

function only(bytes: Buffer): Packet {
  const [frame] = new FrameReader().push(bytes);
  if (!frame) throw new Error('no packet in these bytes');
  return new Packet(frame);
}

test('the capture reads as its comment says', () => {
  const login = only(capture);
  expect(login.name).toBe('LOGIN');
  expect(login.transaction).toBe(1);
  expect(login.frame.blocks.map(({ id }) => id)).toEqual([19, 16, 15, 13, 12, 11, 9, 8, 7, 5, 3, 2, 1]);
  expect(login.text('username')).toBe('be1');
  expect(login.text('user_agent')).toBe('J2MEv4.20.291');
  expect(login.number('initial_presence')).toBe(1);
  expect(login.number('client_version')).toBe(420);
});

test('the same fields write the capture, byte for byte', () => {
  const blocks = blocksOf('LOGIN', {
    protocol_version: 1,
    client_type: 2,
    client_version: 420,
    username: 'be1',
    user_agent: 'J2MEv4.20.291',
    device_name: 'j2me',
    initial_presence: 1,
    font_height: 14,
    screen_width: 170,
    screen_height: 169,
    language: 'en-US',
    theme_id: 21,
    stream_user_events: false,
  });
  expect(encodeFrame({ command: 200, transaction: 1, blocks }).toString('hex')).toBe(capture.toString('hex'));
});

test('a stream cut anywhere gives the same packets', () => {
  const stream = Buffer.concat([capture, encodeFrame({ command: 2, transaction: 4, blocks: [] }), capture]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new FrameReader();
    const frames = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))];
    expect(Buffer.concat(frames.map(encodeFrame)).equals(stream)).toBe(true);
    expect(reader.pending).toBe(0);
  }
});

test('bytes that are no packet are told with their offset', () => {
  const header = (length: number) => Buffer.concat([Buffer.from('0200020001', 'hex'), integer(length, 4)]);
  const bad: [string, Buffer, number][] = [
    ['wrong MAGIC', Buffer.concat([capture, Buffer.from('GET / HTTP')]), capture.length],
    ['PACK_LEN over the limit', header(MAX_PARAMS + 1), 5],
    ['block past PACK_LEN', Buffer.concat([header(6), Buffer.from('000100000001', 'hex')]), 9],
    ['trailing bytes', Buffer.concat([header(3), Buffer.from('000100', 'hex')]), 9],
  ];
  for (const [what, bytes, offset] of bad) {
    expect(() => new FrameReader().push(bytes), what).toThrow(BadFrame);
    expect(() => new FrameReader().push(bytes), what).toThrow(`at byte ${offset}`);
  }
});

test('integers of another width are read by value', () => {
  for (const width of [1, 2, 4, 8]) {
    const bytes = encodeFrame({ command: 600, transaction: 1, blocks: [{ id: 1, content: integer(4, width) }] });
    expect(only(bytes).number('presence')).toBe(4);
  }
});
