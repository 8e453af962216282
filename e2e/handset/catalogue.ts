// The packets by name, read from spec/packets.toml: what a field is called, its block id and its type.
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';

/** A field of a packet: its block id and how its content is written. */
export interface Field {
  readonly id: number;
  readonly type: string;
  readonly name: string;
}

/** A packet of the catalogue. */
export interface PacketKind {
  readonly command: number;
  readonly name: string;
  readonly fields: readonly Field[];
}

/** The catalogue's named values, by list and name: `VALUES.Presence.AWAY`. */
export const VALUES: Readonly<Record<string, Readonly<Record<string, number>>>> = {};

const byName = new Map<string, PacketKind>();
const byCommand = new Map<number, PacketKind>();

interface Catalogue {
  packet: { command: number; name: string; fields?: Field[] }[];
  values: Record<string, Record<string, number>>;
}

const file = new URL('../../spec/packets.toml', import.meta.url);
const catalogue = parse(readFileSync(file, 'utf8')) as unknown as Catalogue;
Object.assign(VALUES, catalogue.values);
for (const { command, name, fields = [] } of catalogue.packet) {
  const kind = { command, name, fields };
  byName.set(name, kind);
  byCommand.set(command, kind);
}

/** The packet with this name; a name that the catalogue lacks is a mistake of the test. */
export function packetKind(name: string): PacketKind {
  const kind = byName.get(name);
  if (!kind) throw new Error(`spec/packets.toml has no packet ${name}`);
  return kind;
}

/** What a command is called, for people. */
export function commandName(command: number): string {
  return byCommand.get(command)?.name ?? `command ${command}`;
}

/** The field with this name. */
export function fieldOf(kind: PacketKind, name: string): Field {
  const field = kind.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${kind.name} has no field ${name}`);
  return field;
}

/** A value of a list of the catalogue: `value('Presence', 'AWAY')` is 4. */
export function value(list: string, name: string): number {
  const found = VALUES[list]?.[name];
  if (found === undefined) throw new Error(`spec/packets.toml has no ${list}.${name}`);
  return found;
}
