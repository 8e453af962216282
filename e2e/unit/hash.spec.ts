// The handset's hashes against the vectors of spec/wire.md section 3.
import { expect, test } from '@playwright/test';
import { passwordHash } from '../handset/hash';

const VECTORS = [
  { challenge: 'k3Yf9QzL', password: 'secret', javahash: '3954df8f', lower: '3954df8f', sha1fold: '434f6647' },
  { challenge: 'k3Yf9QzL', password: 'SeCreT1', javahash: '52bcb662', lower: 'f1471282', sha1fold: '1e517801' },
  { challenge: '', password: 'hello', javahash: '05e918d2', lower: '05e918d2', sha1fold: '396e9f24' },
  { challenge: 'Zß水', password: 'pässwörd', javahash: '7b7761b4', lower: '7b7761b4', sha1fold: '8ab10158' },
  { challenge: '😀', password: 'x', javahash: '03469f75', lower: '03469f75', sha1fold: '3d07daed' },
];

for (const { challenge, password, javahash, lower, sha1fold } of VECTORS) {
  test(`hashes of "${challenge}" + "${password}"`, () => {
    const hex = (kind: Parameters<typeof passwordHash>[0]) =>
      passwordHash(kind, challenge, password).toString(16).padStart(8, '0');
    expect(hex('javahash')).toBe(javahash);
    expect(hex('javahash-lower')).toBe(lower);
    expect(hex('sha1fold')).toBe(sha1fold);
  });
}
