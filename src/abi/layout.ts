/**
 * One table per C struct; reading, writing, printing and docs/abi.md all come from it. Offsets and sizes are
 * bytes. A field with `since` exists only in a struct large enough to hold it, so it is optional in the value.
 */
import { hex } from './address.js';
import { type Flag, flagNames } from './flags.js';

/** An integer in the byte order of the process. */
export type FieldType = 'u8' | 'u16' | 'u32' | 'i32' | 'u64';

/** A member of a C struct. */
export interface Field {
  /** As in C; a dot names a member of a nested struct (`slice_ctrl.request`). */
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
  /** Kernel that brought the field, where it is not as old as the struct. */
  readonly since?: string;
  readonly writtenBy: 'user' | 'kernel' | 'both' | 'nobody';
  readonly comment: string;
  /** How `format` prints the number: `pointer` is hexadecimal with NULL for 0. Default decimal. */
  readonly show?: 'decimal' | 'hex' | 'pointer';
  /** Names of single bits: `format` prints them instead of the number. */
  readonly flags?: readonly Flag[];
  /** Names of special values: `format` adds them as a comment. */
  readonly special?: readonly { readonly name: string; readonly value: number }[];
}

type NumberOf<T extends FieldType> = T extends 'u64' ? bigint : number;
type Optional<F extends Field> = F extends { readonly since: string } ? F : never;
type Always<F extends Field> = F extends { readonly since: string } ? never : F;
/** Value of a struct: u64 is bigint, everything else number; fields with `since` may be missing. */
export type LayoutValue<F extends Field> = {
  -readonly [K in Always<F> as K['name']]: NumberOf<K['type']>;
} & { -readonly [K in Optional<F> as K['name']]?: NumberOf<K['type']> };

/** A struct, with its codec. */
export interface Layout<F extends Field = Field> {
  readonly name: string;
  readonly fields: readonly F[];
  /** sizeof in the newest header, in bytes. */
  readonly size: number;
  /** Alignment the newest header declares, in bytes. */
  readonly align: number;
  readonly source: string;
  /**
   * Fields that lie wholly inside `bytes`. Throws RangeError when a field that every version has is missing.
   */
  read(bytes: Uint8Array, littleEndian?: boolean): LayoutValue<F>;
  /**
   * `size` bytes (default: up to the end of the last field given), gaps zero. Throws RangeError when a value
   * does not fit its type or a given field does not fit `size`.
   */
  write(value: LayoutValue<F>, littleEndian?: boolean, size?: number): Uint8Array;
  /** `{cpu_id_start=0, cpu_id=4294967295 /* RSEQ_CPU_ID_UNINITIALIZED *\/, ...}`, in strace's style. */
  format(value: LayoutValue<F>): string;
}

interface Codec {
  readonly size: number;
  readonly min: bigint;
  readonly max: bigint;
  get(view: DataView, at: number, le: boolean): number | bigint;
  set(view: DataView, at: number, value: number | bigint, le: boolean): void;
}

const CODECS: Readonly<Record<FieldType, Codec>> = {
  u8: {
    size: 1,
    min: 0n,
    max: 0xffn,
    get: (v, at) => v.getUint8(at),
    set: (v, at, x) => v.setUint8(at, Number(x)),
  },
  u16: {
    size: 2,
    min: 0n,
    max: 0xffffn,
    get: (v, at, le) => v.getUint16(at, le),
    set: (v, at, x, le) => v.setUint16(at, Number(x), le),
  },
  u32: {
    size: 4,
    min: 0n,
    max: 0xffff_ffffn,
    get: (v, at, le) => v.getUint32(at, le),
    set: (v, at, x, le) => v.setUint32(at, Number(x), le),
  },
  i32: {
    size: 4,
    min: -0x8000_0000n,
    max: 0x7fff_ffffn,
    get: (v, at, le) => v.getInt32(at, le),
    set: (v, at, x, le) => v.setInt32(at, Number(x), le),
  },
  u64: {
    size: 8,
    min: 0n,
    max: (1n << 64n) - 1n,
    get: (v, at, le) => v.getBigUint64(at, le),
    set: (v, at, x, le) => v.setBigUint64(at, BigInt(x), le),
  },
};

/** Bytes a field of this type takes. */
export const fieldSize = (type: FieldType): number => CODECS[type].size;

/** Byte offset of a field in its struct: offsetof() of C. */
export function offsetOf<F extends Field>(layout: Layout<F>, name: F['name']): number {
  return layout.fields.find((field) => field.name === name)!.offset;
}

const endOf = (field: Field): number => field.offset + fieldSize(field.type);

/** The layout of a struct from its table of fields, which stand in the order of the header. */
export function defineLayout<const F extends Field>(
  name: string,
  spec: {
    readonly fields: readonly F[];
    readonly size: number;
    readonly align: number;
    readonly source: string;
  },
): Layout<F> {
  const { fields } = spec;

  const read = (bytes: Uint8Array, littleEndian = true): LayoutValue<F> => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const value: Record<string, number | bigint> = {};
    for (const field of fields) {
      if (endOf(field) <= bytes.length) {
        value[field.name] = CODECS[field.type].get(view, field.offset, littleEndian);
      } else if (field.since === undefined) {
        throw new RangeError(
          `${name}: ${bytes.length} bytes do not hold ${field.name} (ends at byte ${endOf(field)})`,
        );
      }
    }
    return value as LayoutValue<F>;
  };

  const write = (value: LayoutValue<F>, littleEndian = true, size?: number): Uint8Array => {
    const given = present(fields, value);
    const bytes = new Uint8Array(size ?? Math.max(0, ...given.map(([field]) => endOf(field))));
    const view = new DataView(bytes.buffer);
    for (const [field, x] of given) {
      const codec = CODECS[field.type];
      if (endOf(field) > bytes.length) {
        throw new RangeError(`${name}.${field.name} does not fit ${bytes.length} bytes`);
      }
      if (typeof x === 'number' && !Number.isInteger(x)) {
        throw new RangeError(`${name}.${field.name}: ${x} is not an integer`);
      }
      if (BigInt(x) < codec.min || BigInt(x) > codec.max) {
        throw new RangeError(`${name}.${field.name}: ${x} does not fit ${field.type}`);
      }
      codec.set(view, field.offset, x, littleEndian);
    }
    return bytes;
  };

  const format = (value: LayoutValue<F>): string => {
    const parts: string[] = [];
    let group: { name: string; parts: string[] } | undefined;
    for (const [field, x] of present(fields, value)) {
      const dot = field.name.indexOf('.');
      const outer = dot < 0 ? undefined : field.name.slice(0, dot);
      const text = `${field.name.slice(dot + 1)}=${formatField(field, x)}`;
      if (group !== undefined && group.name !== outer) {
        parts.push(`${group.name}={${group.parts.join(', ')}}`);
        group = undefined;
      }
      if (outer === undefined) parts.push(text);
      else if (group === undefined) group = { name: outer, parts: [text] };
      else group.parts.push(text);
    }
    if (group !== undefined) parts.push(`${group.name}={${group.parts.join(', ')}}`);
    return `{${parts.join(', ')}}`;
  };

  return { name, ...spec, read, write, format };
}

/** Which fields a value has, in the struct's order. */
function present<F extends Field>(fields: readonly F[], value: LayoutValue<F>): [F, number | bigint][] {
  const values = value as Readonly<Record<string, number | bigint | undefined>>;
  return fields.flatMap((field): [F, number | bigint][] => {
    const x = values[field.name];
    return x === undefined ? [] : [[field, x]];
  });
}

function formatField(field: Field, x: number | bigint): string {
  if (field.flags !== undefined) return flagNames(field.flags, Number(x));
  const special = field.special?.find((one) => BigInt(one.value) === BigInt(x));
  const comment = special === undefined ? '' : ` /* ${special.name} */`;
  switch (field.show ?? 'decimal') {
    case 'decimal':
      return `${x}${comment}`;
    case 'hex':
      return `${hex(x)}${comment}`;
    case 'pointer':
      return `${BigInt(x) === 0n ? 'NULL' : hex(x)}${comment}`;
  }
}
