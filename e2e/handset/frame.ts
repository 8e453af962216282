// Frames and blocks: bytes of the wire to parts and back (spec/wire.md section 1).

/** One block: an id and its content, byte for byte. */
export interface Block {
  readonly id: number;
  readonly content: Buffer;
}

/** One packet as it stands on the wire; the blocks keep the order in which they came. */
export interface Frame {
  /** COMMAND1: what kind of packet it is. */
  readonly command: number;
  /** COMMAND2: the number of the request, 0 for what the server sends unasked. */
  readonly transaction: number;
  readonly blocks: readonly Block[];
}

/** Starts every packet. */
export const MAGIC = 0x02;

/** MAGIC, COMMAND1, COMMAND2, PACK_LEN: bytes. */
export const HEADER = 9;

/** The most that PARAMS may hold, in bytes (spec/wire.md section 2). */
export const MAX_PARAMS = 358_400;
/** The same of what a client sends before LOGIN_OK. */
export const MAX_PARAMS_BEFORE_LOGIN = 8_192;

/** Bytes that are no packet; `offset` counts from the first byte of the stream. */
export class BadFrame extends Error {
  constructor(
    readonly offset: number,
    what: string,
  ) {
    super(`${what} at byte ${offset}`);
    this.name = 'BadFrame';
  }
}

/** The bytes of a frame, its blocks in the order given. */
export function encodeFrame(frame: Frame): Buffer {
  const params = Buffer.concat(frame.blocks.map(encodeBlock));
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(MAGIC, 0);
  header.writeUInt16BE(frame.command, 1);
  header.writeUInt16BE(frame.transaction, 3);
  header.writeUInt32BE(params.length, 5);
  return Buffer.concat([header, params]);
}

function encodeBlock(block: Block): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt16BE(block.id, 0);
  header.writeUInt32BE(block.content.length, 2);
  return Buffer.concat([header, block.content]);
}

/** Puts a stream's chunks together and gives the frames that are complete. */
export class FrameReader {
  #rest = Buffer.alloc(0);
  #offset = 0;

  /** Takes the next chunk, of any size; throws `BadFrame` for bytes that are no packet. */
  push(chunk: Buffer): Frame[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame);
    return frames;
  }

  /** Bytes of a packet that is not complete yet. */
  get pending(): number {
    return this.#rest.length;
  }

  #next(): Frame | undefined {
    const bytes = this.#rest;
    if (bytes.length > 0 && bytes.readUInt8(0) !== MAGIC) {
      throw new BadFrame(this.#offset, `wrong MAGIC ${bytes.readUInt8(0)}`);
    }
    if (bytes.length < HEADER) return undefined;
    const length = bytes.readUInt32BE(5);
    if (length > MAX_PARAMS) throw new BadFrame(this.#offset + 5, `PACK_LEN ${length} over the limit`);
    if (bytes.length < HEADER + length) return undefined;
    const blocks = this.#blocks(bytes.subarray(HEADER, HEADER + length));
    this.#rest = bytes.subarray(HEADER + length);
    this.#offset += HEADER + length;
    return { command: bytes.readUInt16BE(1), transaction: bytes.readUInt16BE(3), blocks };
  }

  #blocks(params: Buffer): Block[] {
    const blocks: Block[] = [];
    let at = 0;
    while (at < params.length) {
      const where = this.#offset + HEADER + at;
      if (params.length - at < 6) throw new BadFrame(where, 'trailing bytes inside PARAMS');
      const id = params.readUInt16BE(at);
      const length = params.readUInt32BE(at + 2);
      if (params.length - at - 6 < length) throw new BadFrame(where, `block ${id} runs past PACK_LEN`);
      blocks.push({ id, content: Buffer.from(params.subarray(at + 6, at + 6 + length)) });
      at += 6 + length;
    }
    return blocks;
  }
}
