/** Damages ELF files and archives in ways that readers trip over. Everything follows from the seed. */

export interface Base {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Mutant {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What was done, one word or two a step. */
  readonly steps: readonly string[];
}

/** mulberry32: 32 bits of state are enough to tell a million mutants apart, and a seed is one number. */
class Random {
  constructor(private state: number) {}

  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 <= result < limit. */
  below(limit: number): number {
    return limit <= 0 ? 0 : this.next() % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const INTERESTING: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  0x1fn,
  0x20n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0xfff1n,
  0xffffn,
  0x10000n,
  0x100000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_f000n,
  0xff_ffff_ffff_ffffn,
  0x20_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_ffff_fff0n,
  0xffff_ffff_ffff_ffffn,
];

/** A field that a reader takes as a number. Offset in the file and size, in bytes. */
interface Field {
  readonly at: number;
  readonly size: number;
}

interface Extent {
  readonly at: number;
  readonly size: number;
}

interface Shape {
  readonly little: boolean;
  readonly fields: readonly Field[];
  /** Contents that readers parse: descriptors, symbols, relocations, line tables, unwind tables, code. */
  readonly contents: readonly Extent[];
}

/** Offset and size of the fields of the headers, by class (gABI, chapters 4 and 5). */
const EHDR = {
  64: [16, 2, 18, 2, 20, 4, 24, 8, 32, 8, 40, 8, 48, 4, 52, 2, 54, 2, 56, 2, 58, 2, 60, 2, 62, 2],
  32: [16, 2, 18, 2, 20, 4, 24, 4, 28, 4, 32, 4, 36, 4, 40, 2, 42, 2, 44, 2, 46, 2, 48, 2, 50, 2],
} as const;
const SHDR = {
  64: [0, 4, 4, 4, 8, 8, 16, 8, 24, 8, 32, 8, 40, 4, 44, 4, 48, 8, 56, 8],
  32: [0, 4, 4, 4, 8, 4, 12, 4, 16, 4, 20, 4, 24, 4, 28, 4, 32, 4, 36, 4],
} as const;
const PHDR = {
  64: [0, 4, 4, 4, 8, 8, 16, 8, 24, 8, 32, 8, 40, 8, 48, 8],
  32: [0, 4, 4, 4, 8, 4, 12, 4, 16, 4, 20, 4, 24, 4, 28, 4],
} as const;

const fieldsAt = (base: number, pairs: readonly number[]): Field[] =>
  Array.from({ length: pairs.length / 2 }, (_, i) => ({ at: base + pairs[2 * i]!, size: pairs[2 * i + 1]! }));

/** Where the headers' fields and the contents are in an undamaged file. */
function shapeOf(bytes: Uint8Array): Shape {
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 8));
  if (text === '!<arch>\n') return archiveShape(bytes);
  return elfShape(bytes, 0);
}

function archiveShape(bytes: Uint8Array): Shape {
  const fields: Field[] = [];
  const contents: Extent[] = [];
  const decoder = new TextDecoder('latin1');
  for (let at = 8; at + 60 <= bytes.length; ) {
    const size = Number(decoder.decode(bytes.subarray(at + 48, at + 58)));
    contents.push({ at, size: 16 }, { at: at + 48, size: 12 });
    if (bytes[at + 60] === 0x7f) {
      const inner = elfShape(bytes.subarray(at + 60, at + 60 + size), at + 60);
      fields.push(...inner.fields);
      contents.push(...inner.contents);
    }
    at += 60 + size + (size & 1);
  }
  return { little: true, fields, contents };
}

function elfShape(bytes: Uint8Array, origin: number): Shape {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bits = bytes[4] === 2 ? 64 : 32;
  const little = bytes[5] !== 2;
  const word = (at: number): number =>
    bits === 64 ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const half = (at: number): number => view.getUint16(at, little);
  const wide = bits === 64;
  const fields = fieldsAt(origin, EHDR[bits]);
  const contents: Extent[] = [{ at: origin, size: 20 }];
  const programs = { at: word(wide ? 32 : 28), count: half(wide ? 56 : 44), size: wide ? 56 : 32 };
  for (let i = 0; i < programs.count; i++)
    fields.push(...fieldsAt(origin + programs.at + i * programs.size, PHDR[bits]));
  const sections = { at: word(wide ? 40 : 32), count: half(wide ? 60 : 48), size: wide ? 64 : 40 };
  for (let i = 0; i < sections.count; i++) {
    const header = sections.at + i * sections.size;
    fields.push(...fieldsAt(origin + header, SHDR[bits]));
    const size = word(header + (wide ? 32 : 20));
    const type = view.getUint32(header + 4, little);
    if (type !== 0 && type !== 8 && size > 0)
      contents.push({ at: origin + word(header + (wide ? 24 : 16)), size });
  }
  if (contents.length === 1) contents.push({ at: origin, size: bytes.length });
  return { little, fields, contents };
}

/** Most steps of one mutant. */
const MOST_STEPS = 6;

export class Mutator {
  private readonly shapes = new Map<Base, Shape>();

  constructor(private readonly bases: readonly Base[]) {}

  mutant(seed: number): Mutant {
    const random = new Random(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
    const base = random.pick(this.bases);
    let shape = this.shapes.get(base);
    if (shape === undefined) {
      shape = shapeOf(base.bytes);
      this.shapes.set(base, shape);
    }
    let bytes = base.bytes.slice();
    const steps: string[] = [];
    for (let left = 1 + random.below(MOST_STEPS); left > 0 && bytes.length > 0; left--) {
      const [name, step] = random.pick(STEPS);
      bytes = step({ bytes, shape, random, bases: this.bases });
      steps.push(name);
    }
    return { name: base.name, bytes, steps };
  }
}

interface Context {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly shape: Shape;
  readonly random: Random;
  readonly bases: readonly Base[];
}

type Step = (context: Context) => Uint8Array<ArrayBuffer>;

function put(bytes: Uint8Array, { at, size }: Field, value: bigint, little: boolean): void {
  for (let i = 0; i < size; i++) {
    const place = at + (little ? i : size - 1 - i);
    if (place < bytes.length) bytes[place] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

function get(bytes: Uint8Array, { at, size }: Field, little: boolean): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++)
    value |= BigInt(bytes[at + (little ? i : size - 1 - i)] ?? 0) << BigInt(8 * i);
  return value;
}

const valueFor = ({ bytes, shape, random }: Context, field: Field): bigint => {
  switch (random.below(6)) {
    case 0:
      return get(bytes, random.pick(shape.fields) ?? field, shape.little);
    case 1:
      return BigInt(bytes.length - random.below(3) + 1);
    case 2:
      return get(bytes, field, shape.little) + BigInt(random.below(17) - 8);
    case 3:
      return BigInt(random.below(bytes.length));
    default:
      return random.pick(INTERESTING);
  }
};

const headerField: Step = (context) => {
  const { bytes, shape, random } = context;
  if (shape.fields.length === 0) return bytes;
  const field = random.pick(shape.fields);
  put(bytes, field, BigInt.asUintN(64, valueFor(context, field)), shape.little);
  return bytes;
};

/** A number inside a table, aligned as the table's entries are. */
const contentWord: Step = (context) => {
  const { bytes, shape, random } = context;
  const extent = random.pick(shape.contents);
  const size = random.pick([1, 2, 4, 8]);
  const at = extent.at + random.below(Math.max(1, Math.floor(extent.size / size))) * size;
  const field = { at, size };
  put(bytes, field, BigInt.asUintN(64, valueFor(context, field)), shape.little);
  return bytes;
};

const contentBit: Step = ({ bytes, shape, random }) => {
  const extent = random.pick(shape.contents);
  const at = extent.at + random.below(extent.size);
  if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random.below(8));
  return bytes;
};

const bitFlips: Step = ({ bytes, random }) => {
  for (let left = 1 + random.below(8); left > 0; left--) {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  }
  return bytes;
};

const identity: Step = ({ bytes, random }) => {
  bytes[random.pick([4, 5, 6, 7, 16, 18])] = random.pick([0, 1, 2, 3, 4, 8, 20, 22, 40, 62, 183, 243, 255]);
  return bytes;
};

const fill: Step = ({ bytes, shape, random }) => {
  const extent = random.pick(shape.contents);
  bytes.fill(random.pick([0, 0x80, 0xff, 0x90, random.below(256)]), extent.at, extent.at + extent.size);
  return bytes;
};

const truncate: Step = ({ bytes, random }) => bytes.slice(0, random.below(bytes.length + 1));

/** Copies a run of bytes over another place, inside the file or from another one. */
const overwrite: Step = ({ bytes, shape, random, bases }) => {
  const from = random.below(2) === 0 ? bytes : random.pick(bases).bytes;
  const start = random.below(from.length);
  const size = Math.min(1 + random.below(256), from.length - start);
  const extent = random.pick(shape.contents);
  const at = Math.min(extent.at + random.below(extent.size), bytes.length);
  bytes.set(from.slice(start, start + Math.min(size, bytes.length - at)), at);
  return bytes;
};

/** Cuts a run of bytes out, or puts one in: everything behind it moves. */
const splice: Step = ({ bytes, random, bases }) => {
  const at = random.below(bytes.length);
  const cut = random.below(2) === 0 ? random.below(64) : 0;
  const source = random.pick(bases).bytes;
  const start = random.below(source.length);
  const added = source.subarray(start, start + (cut > 0 ? 0 : random.below(256)));
  const head = bytes.subarray(0, at);
  const tail = bytes.subarray(Math.min(at + cut, bytes.length));
  const result = new Uint8Array(head.length + added.length + tail.length);
  result.set(head);
  result.set(added, head.length);
  result.set(tail, head.length + added.length);
  return result;
};

/** The same step several times: it is that much more likely. */
const STEPS: readonly (readonly [string, Step])[] = [
  ['header field', headerField],
  ['header field', headerField],
  ['header field', headerField],
  ['content word', contentWord],
  ['content word', contentWord],
  ['content word', contentWord],
  ['content bit', contentBit],
  ['content bit', contentBit],
  ['bit flips', bitFlips],
  ['identity', identity],
  ['fill', fill],
  ['overwrite', overwrite],
  ['splice', splice],
  ['truncate', truncate],
];
