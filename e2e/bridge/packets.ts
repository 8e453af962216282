// Packets for the bridge, which looks at their headers only.
import { encodeFrame, MAX_PARAMS } from '../handset/frame';

/** A packet with one block of so many bytes, told apart by its number. */
export function packet(transaction: number, size = 10): Buffer {
  return encodeFrame({ command: 500, transaction, blocks: [{ id: 8, content: Buffer.alloc(size, transaction) }] });
}

/** The largest legal packet. */
export const LARGEST = packet(1, MAX_PARAMS - 6);
