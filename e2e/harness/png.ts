// Pictures for the tests: real PNG files, made here.
import { crc32, deflateSync } from 'node:zlib';

/** A PNG of this size, a soft gradient; `tint` (0 to 255) makes pictures differ. */
export function png(width: number, height: number, tint = 128): Buffer {
  const row = 1 + 3 * width;
  const pixels = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * row + 1 + 3 * x;
      pixels[at] = tint;
      pixels[at + 1] = Math.round((255 * y) / height);
      pixels[at + 2] = Math.round((255 * x) / width);
    }
  }
  return wrap(width, height, deflateSync(pixels));
}

/** A PNG that is right in form and holds about so many bytes, since its pixels cannot be packed. */
export function noisyPng(bytes: number, random: (buffer: Buffer) => void): Buffer {
  const width = 1000;
  const height = Math.ceil(bytes / (1 + 3 * width));
  const pixels = Buffer.alloc((1 + 3 * width) * height);
  random(pixels);
  for (let y = 0; y < height; y++) pixels[y * (1 + 3 * width)] = 0;
  return wrap(width, height, deflateSync(pixels, { level: 0 }));
}

function wrap(width: number, height: number, packed: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, red green blue
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', packed), chunk('IEND', Buffer.alloc(0))]);
}

/** A chunk of a PNG. */
export function chunk(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
