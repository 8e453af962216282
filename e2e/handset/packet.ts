// Packets by field name: values to blocks in the catalogue's types and widths, and back (spec/wire.md section 2).
import { commandName, fieldOf, packetKind } from './catalogue';
import type { Block, Frame } from './frame';

/** What a field can be given as; numbers up to 2^53. */
export type FieldValue = number | boolean | string | readonly string[] | Buffer;

/** Fields of a packet by the catalogue's names; a Buffer is written as it is, whatever the type says. */
export type Fields = Readonly<Record<string, FieldValue>>;

const WIDTHS: Readonly<Record<string, number>> = { bool: 1, u8: 1, u16: 2, u32: 4, u64: 8 };

/** The blocks of a packet, from the highest id to the lowest as real handsets write them. */
export function blocksOf(name: string, fields: Fields): Block[] {
  const kind = packetKind(name);
  return Object.entries(fields)
    .map(([key, content]) => {
      const field = fieldOf(kind, key);
      return { id: field.id, content: encodeValue(field.type, content) };
    })
    .sort((a, b) => b.id - a.id);
}

/** An integer in so many bytes, big-endian. */
export function integer(number: number, width: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  if (bytes.subarray(0, 8 - width).some((byte) => byte !== 0)) throw new Error(`${number} does not fit ${width} bytes`);
  return bytes.subarray(8 - width);
}

function encodeValue(type: string, content: FieldValue): Buffer {
  if (Buffer.isBuffer(content)) return content;
  const width = WIDTHS[type];
  if (width !== undefined) return integer(Number(content), width);
  if (Array.isArray(content)) return Buffer.from(content.join(separatorOf(type)), 'utf8');
  if (typeof content === 'string') return Buffer.from(content, 'utf8');
  throw new Error(`${String(content)} is no ${type}`);
}

function separatorOf(type: string): string {
  const list = /^list\((.)\)$/.exec(type);
  if (list?.[1]) return list[1];
  if (type === 'string_array') return '\0';
  throw new Error(`${type} is no list`);
}

/** A packet that came, read by the catalogue's names. */
export class Packet {
  constructor(readonly frame: Frame) {}

  get name(): string {
    return commandName(this.frame.command);
  }

  get transaction(): number {
    return this.frame.transaction;
  }

  /** The content of a field as it came; the first of a repeated id. */
  bytes(field: string): Buffer | undefined {
    const { id } = fieldOf(packetKind(this.name), field);
    return this.frame.blocks.find((block) => block.id === id)?.content;
  }

  /** A text field; empty when it is not there. */
  text(field: string): string {
    return this.bytes(field)?.toString('utf8') ?? '';
  }

  /** An integer field of 1, 2, 4 or 8 bytes. */
  number(field: string): number | undefined {
    const bytes = this.bytes(field);
    if (!bytes) return undefined;
    if (![1, 2, 4, 8].includes(bytes.length)) throw new Error(`${this.name}.${field}: ${bytes.length} bytes`);
    const number = Number(BigInt(`0x${bytes.toString('hex')}`));
    if (!Number.isSafeInteger(number)) throw new Error(`${this.name}.${field}: ${number} is over 2^53`);
    return number;
  }

  /** A list field; a trailing separator is allowed. */
  list(field: string): string[] {
    const separator = separatorOf(fieldOf(packetKind(this.name), field).type);
    const parts = this.text(field).split(separator);
    if (parts.at(-1) === '') parts.pop();
    return parts;
  }

  /** The packet for people: name, number and its fields, long content cut. */
  toString(): string {
    const fields = this.frame.blocks.map(({ id, content }) => {
      const text = content.toString('utf8');
      const shown = /^[\x20-\x7e]{1,60}$/.test(text) ? `"${text}"` : content.subarray(0, 30).toString('hex');
      return `${id}=${shown}`;
    });
    return `${this.name} ${this.transaction} {${fields.join(', ')}}`;
  }
}
