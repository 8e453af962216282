// The hashes that answer a log-in's challenge (spec/wire.md section 3).
import { createHash } from 'node:crypto';

/** The kinds that are on the wire. */
export type HashKind = 'sha1fold' | 'javahash' | 'javahash-lower';

/** The number that proves the password: 32 bits, unsigned. */
export function passwordHash(kind: HashKind, challenge: string, password: string): number {
  switch (kind) {
    case 'sha1fold':
      return sha1fold(challenge + password);
    case 'javahash':
      return javahash(challenge + password);
    case 'javahash-lower':
      return javahash(challenge + password.toLowerCase());
  }
}

/** `h = 31·h + c` over the UTF-16 code units, wrapping at 32 bits, from 0. */
export function javahash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(31, hash) + text.charCodeAt(at)) | 0;
  return hash >>> 0;
}

/** SHA-1 of the UTF-8 bytes, its five 32-bit words XORed together. */
export function sha1fold(text: string): number {
  const digest = createHash('sha1').update(text, 'utf8').digest();
  let folded = 0;
  for (let at = 0; at < digest.length; at += 4) folded ^= digest.readUInt32BE(at);
  return folded >>> 0;
}
