import { readFileSync } from 'node:fs';
import type { Addr } from '../../src/abi/address.js';
import {
  type AddressExpression,
  type Decoder,
  type Effect,
  FLAGS,
  type Instruction,
  type MemoryAccess,
  registersOf,
  type Value,
  X87,
} from '../../src/isa/instruction.js';

/**
 * The notation of the tables in test/fixtures/isa. A row is `assembly text | expectation`; the expectation is a list of
 * `key=value`, blanks between. Legend:
 *   f=    flow; left out: next
 *   t=    target of a direct jump, `.+0x10`: bytes from the beginning of the instruction
 *   r= w= registers read and written, by name; `fl` the flags; left out: none; `*`: not looked at
 *   m=    memory accesses in order, `R8[rax+rcx*4+16]`, `W4[fs:8]`, `RW8[...]`; size ? where not known
 *   e=    effects in order, `rax:=(rbx+8)`, `W8[rdi]:=rax.32`; `*`, or left out: not looked at
 *   cmp=  what is compared, `rax.32,0`; `-`: nothing; left out: not looked at
 *   c=    condition number; left out: none
 *   x=    traits, sorted; left out: none; `*`: not looked at
 * Values: a register by name, with `.32` and so on where not all 64 bits; a number; `TP` the thread pointer; `cond4`;
 * `&[..]` an address; `8[..]` a load, `s4[..]` a signed one; `(a+b)`, `.32` behind it where not 64 bits; `?(a,b)` unknown.
 */
export interface TableRow {
  readonly assembly: string;
  readonly expected: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
}

export const fixture = (name: string): URL => new URL(`../fixtures/isa/${name}`, import.meta.url);

/** The rows of NAME.table with the bytes that build.sh made of them, in NAME.hex. */
export function readTable(name: string): TableRow[] {
  const codes = readFileSync(fixture(`${name}.hex`), 'utf8')
    .trim()
    .split('\n');
  const rows = readFileSync(fixture(`${name}.table`), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (rows.length !== codes.length) throw new Error(`${name}: ${rows.length} rows, ${codes.length} codes`);
  return rows.map((line, n) => {
    const bar = line.indexOf(' |');
    const assembly = line.slice(0, bar).trim();
    const pairs = line
      .slice(bar + 2)
      .trim()
      .split(/\s+/)
      .filter(Boolean);
    const bytes = Uint8Array.from(codes[n]!.match(/../g)!.map((two) => Number.parseInt(two, 16)));
    return {
      assembly,
      bytes,
      expected: new Map(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      ),
    };
  });
}

const OPERATORS: Readonly<Record<string, string>> = {
  add: '+',
  sub: '-',
  mul: '*',
  shl: '<<',
  shr: '>>',
  and: '&',
  or: '|',
  xor: '^',
};

/** Writes what a decoder says in the notation. */
export class Notation {
  constructor(
    private readonly decoder: Decoder,
    private readonly instruction: Instruction,
  ) {}

  private register(register: number): string {
    if (register === FLAGS) return 'fl';
    if (register === X87) return 'x87';
    return this.decoder.registerName(register);
  }

  registers(set: bigint): string {
    return [...registersOf(set)].map((register) => this.register(register)).join(',');
  }

  private inside({ threadPointer, base, index, scale, displacement }: AddressExpression): string {
    const parts: string[] = [];
    if (base !== undefined) parts.push(this.register(base));
    if (index !== undefined) parts.push(this.register(index) + (scale === 1 ? '' : `*${scale}`));
    if (parts.length === 0 || displacement !== 0) parts.push(String(displacement));
    return `[${threadPointer ? 'fs:' : ''}${parts.join('+').replaceAll('+-', '-')}]`;
  }

  access({ address, size, read, write }: MemoryAccess): string {
    return `${read ? 'R' : ''}${write ? 'W' : ''}${size === 0 ? '?' : size}${this.inside(address)}`;
  }

  value(value: Value): string {
    switch (value.op) {
      case 'register':
        return this.register(value.register) + (value.bits === 64 ? '' : `.${value.bits}`);
      case 'constant':
        return String(value.value);
      case 'address':
        return `&${this.inside(value.address)}`;
      case 'load':
        return `${value.signed ? 's' : ''}${value.memory.size}${this.inside(value.memory.address)}`;
      case 'thread-pointer':
        return 'TP';
      case 'condition':
        return `cond${value.condition}`;
      case 'unknown':
        return `?(${value.from.map((each) => this.value(each)).join(',')})`;
      default: {
        const text = `(${this.value(value.a)}${OPERATORS[value.op]}${this.value(value.b)})`;
        return value.bits === 64 ? text : `${text}.${value.bits}`;
      }
    }
  }

  private effect(effect: Effect): string {
    const to = effect.kind === 'register' ? this.register(effect.register) : this.access(effect.memory);
    return `${to}:=${this.value(effect.value)}`;
  }

  /** What the notation says for a key. */
  get(key: string): string {
    const { flow, target, address, reads, writes, memory, effects, compares, condition, traits } =
      this.instruction;
    switch (key) {
      case 'f':
        return flow;
      case 't':
        return target === undefined ? '' : `.+0x${(target - address).toString(16)}`.replace('+0x-', '-0x');
      case 'r':
        return this.registers(reads);
      case 'w':
        return this.registers(writes);
      case 'm':
        return memory.map((each) => this.access(each)).join(';');
      case 'e':
        return effects.map((each) => this.effect(each)).join(';');
      case 'cmp':
        return compares === undefined ? '-' : compares.map((each) => this.value(each)).join(',');
      case 'c':
        return condition === undefined ? '' : String(condition);
      case 'x':
        return [...traits].sort().join(',');
      default:
        throw new Error(`no key ${key} in the notation`);
    }
  }
}

/** Where rows are decoded. */
export const ADDRESS = 0x401000 as Addr;
const ALWAYS = ['f', 't', 'r', 'w', 'm', 'c', 'x'];

/** The row's expectation and what the decoder says to the same keys. */
export function outcome(decoder: Decoder, row: TableRow): { said: string[]; expected: string[] } {
  const instruction = decoder.decode(row.bytes, ADDRESS);
  const notation = new Notation(decoder, instruction);
  const keys = [...new Set([...ALWAYS, ...row.expected.keys()])];
  const said: string[] = [`length=${instruction.length}`];
  const expected: string[] = [`length=${row.bytes.length}`];
  for (const key of keys) {
    let wanted = row.expected.get(key) ?? (key === 'f' ? 'next' : '');
    if (wanted === '*') continue;
    // [rip+n]: the contract wants the absolute address.
    wanted = wanted.replace(/\brip([+-](?:0x)?[0-9a-f]+)/g, (_, distance: string) =>
      String(ADDRESS + row.bytes.length + Number(distance.slice(1)) * (distance[0] === '-' ? -1 : 1)),
    );
    if (key === 'r' || key === 'w' || key === 'x') wanted = sortedNames(wanted);
    expected.push(`${key}=${wanted}`);
    said.push(`${key}=${key === 'r' || key === 'w' ? sortedNames(notation.get(key)) : notation.get(key)}`);
  }
  return { said, expected };
}

const sortedNames = (names: string): string => names.split(',').sort().join(',');
