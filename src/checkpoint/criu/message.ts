/** Messages of protocol buffers, read by a table of the few fields that are needed. Others are passed over. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A file that is no image of CRIU, or a damaged one: the message is for the user. */
export class CriuError extends Error {}

type Kind = 'number' | 'wide' | 'flag' | 'text' | Fields;
/** Number of the field in CRIU's .proto, what it is, and whether there may be many of it. */
type FieldRow = readonly [number: number, kind: Kind, many?: 'many'];
export interface Fields {
  readonly [name: string]: FieldRow;
}

type ValueOf<K> = K extends 'number'
  ? number
  : K extends 'wide'
    ? bigint
    : K extends 'flag'
      ? boolean
      : K extends 'text'
        ? string
        : K extends Fields
          ? Message<K>
          : never;
/** 32-bit fields are number, 64-bit ones bigint. A field that is not there is undefined, of many an empty list. */
export type Message<F extends Fields> = {
  readonly [N in keyof F]: F[N] extends readonly [number, infer K, 'many']
    ? readonly ValueOf<K>[]
    : F[N] extends readonly [number, infer K]
      ? ValueOf<K> | undefined
      : never;
};

/** Throws CriuError. */
export function readMessage<const F extends Fields>(bytes: Uint8Array, fields: F, name: string): Message<F> {
  try {
    return read(bytes, fields, name) as Message<F>;
  } catch (error) {
    if (error instanceof CriuError) throw error;
    throw damaged(name);
  }
}

export const damaged = (name: string): CriuError =>
  new CriuError(`${name} is damaged or was not written to its end; use another copy of the images`);

function read(bytes: Uint8Array, fields: Fields, name: string): Record<string, unknown> {
  const rows = new Map(Object.entries(fields).map(([field, row]) => [row[0], { field, row }]));
  const found: Record<string, unknown> = {};
  for (const { field, row } of rows.values()) if (row[2] === 'many') found[field] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const known = rows.get(number);
    if (known === undefined) {
      reader.skip(type, number);
      continue;
    }
    const { field, row } = known;
    const values = valuesOf(reader, type, row[1], name);
    if (row[2] === 'many') (found[field] as unknown[]).push(...values);
    else found[field] = values.at(-1);
  }
  return found;
}

/** One value; of numbers that are packed, all of them. */
function valuesOf(reader: BinaryReader, type: WireType, kind: Kind, name: string): unknown[] {
  const wants = typeof kind === 'object' || kind === 'text' ? WireType.LengthDelimited : WireType.Varint;
  if (typeof kind === 'object' && type === wants) return [read(reader.bytes(), kind, name)];
  if (kind === 'text' && type === wants) return [reader.string()];
  if (typeof kind === 'object' || kind === 'text') throw damaged(name);
  if (type === WireType.Varint) return [numberOf(reader, kind)];
  if (type !== WireType.LengthDelimited) throw damaged(name);
  const packed = new BinaryReader(reader.bytes());
  const values: unknown[] = [];
  while (packed.pos < packed.len) values.push(numberOf(packed, kind));
  return values;
}

function numberOf(reader: BinaryReader, kind: 'number' | 'wide' | 'flag'): number | bigint | boolean {
  if (kind === 'wide') return BigInt.asUintN(64, BigInt(reader.uint64()));
  return kind === 'flag' ? reader.bool() : reader.uint32();
}
