import type { Addr } from '../../abi/address.js';
import type { ImageSymbol, ProgramImage } from '../../binary/image.js';
import { ProgramError } from '../program-error.js';
import type { Scenario } from './parts.js';

/** What a function returns, as far as its register holds it; nothing else is compared. */
export type ResultType = 'void' | 'bool' | 'int' | 'long';

/** Memory that tasks share, zeroed, for an argument `buffer:SIZE`. */
export interface Buffer {
  readonly name: string;
  readonly size: number;
}

/** A task that calls one function. */
export interface TaskCall {
  readonly result: ResultType;
  /** A buffer stands for its address, which is not known yet. */
  readonly arguments: readonly (bigint | { readonly buffer: number })[];
}

/** A scenario made of calls. */
export interface CallScenario extends Scenario {
  /** By task. */
  readonly calls: readonly TaskCall[];
  readonly buffers: readonly Buffer[];
}

const FORM = /^(?:(void|bool|int|long) +)?([^\s()*]+) *\((.*)\)(?: *\* *(\d+))?$/;
/** As many as there are registers for. */
const MOST_ARGUMENTS = 6;
const MOST_TASKS = 64;
const LARGEST_BUFFER = 1 << 20;

/**
 * Tasks by calls: `[TYPE] function(argument, ...)[*COUNT]`. Arguments are integers, `&symbol`, `&symbol+8`, or `buffer:SIZE`: zeroed memory,
 * the same for all COUNT tasks; `buffer:SIZE:NAME` is one for all tasks. `base`: what is added to addresses of the image. Throws ProgramError.
 */
export function callScenario(image: ProgramImage, texts: readonly string[], base = 0): CallScenario {
  const buffers: Buffer[] = [];
  const tasks: { name: string; start: Addr }[] = [];
  const calls: TaskCall[] = [];
  for (const text of texts) {
    const parsed = parse(image, text.trim(), buffers, base);
    if (tasks.length + parsed.count > MOST_TASKS)
      throw new ProgramError(`${texts.join(' ')}: these are more than ${MOST_TASKS} tasks; give fewer`);
    for (let n = 0; n < parsed.count; n++) {
      tasks.push({ name: parsed.name, start: parsed.start });
      calls.push(parsed.call);
    }
  }
  const names = tasks.map(({ name }, n) => {
    const same = tasks.filter((each) => each.name === name).length;
    if (same === 1) return name;
    return `${name}.${tasks.slice(0, n + 1).filter((each) => each.name === name).length}`;
  });
  return {
    name: texts.map((text) => text.trim()).join(' | '),
    claim: 'calls end as they do in some order, undisturbed',
    setup: undefined,
    tasks: tasks.map((task, n) => ({ ...task, name: names[n]! })),
    signals: [],
    invariant: undefined,
    finally: undefined,
    calls,
    buffers,
  };
}

function parse(image: ProgramImage, text: string, buffers: Buffer[], base: number) {
  const bad = (what: string): never => {
    throw new ProgramError(`task ${JSON.stringify(text)}: ${what}`);
  };
  const [, type, name, inner = '', times = '1'] = FORM.exec(text) ?? [];
  if (name === undefined)
    return bad("write it as 'function(1, &symbol, buffer:64)', with *2 behind it for two tasks");
  const count = Number(times);
  if (count < 1 || count > MOST_TASKS) bad(`there can be 1 to ${MOST_TASKS} tasks, not ${times}`);
  const start =
    find(image, name, 'function')?.address ??
    bad(`there is no function ${name}${near(image, name, 'function')}`);
  const words = inner.trim() === '' ? [] : inner.split(',').map((each) => each.trim());
  if (words.length > MOST_ARGUMENTS)
    bad(`${words.length} arguments; ${MOST_ARGUMENTS} are the most that go into registers`);
  const values = words.map((word) => argument(image, word, buffers, base, bad));
  const call: TaskCall = { result: (type as ResultType | undefined) ?? 'long', arguments: values };
  return { name: text.replace(/ *\* *\d+$/, ''), start: (start + base) as Addr, count, call };
}

function argument(
  image: ProgramImage,
  word: string,
  buffers: Buffer[],
  base: number,
  bad: (what: string) => never,
): TaskCall['arguments'][number] {
  const number = /^([+-]?)(0x[0-9a-f]{1,16}|\d{1,20})$/i.exec(word);
  if (number !== null) {
    const value = BigInt(number[2]!);
    if (value >= 1n << 64n) bad(`${word} has more than 64 bits`);
    return BigInt.asUintN(64, number[1] === '-' ? -value : value);
  }
  const symbol = /^&([^\s+]+)(?: *\+ *(0x[0-9a-f]{1,8}|\d{1,9}))?$/i.exec(word);
  if (symbol !== null) {
    const [, name = '', offset = '0'] = symbol;
    const address = find(image, name)?.address ?? bad(`there is no symbol ${name}${near(image, name)}`);
    return BigInt(base + address + Number(offset));
  }
  const buffer = /^buffer:(\d{1,9}|0x[0-9a-f]{1,8})(?::([^\s:,()]+))?$/i.exec(word);
  if (buffer === null)
    return bad(`argument ${JSON.stringify(word)}: give an integer, &symbol or buffer:SIZE`);
  const size = Number(buffer[1]);
  if (size < 1 || size > LARGEST_BUFFER) bad(`${word}: a buffer has 1 to ${LARGEST_BUFFER} bytes`);
  const name = buffer[2];
  const known = name === undefined ? -1 : buffers.findIndex((each) => each.name === name);
  if (known >= 0 && buffers[known]!.size !== size)
    bad(`buffer ${name} has ${buffers[known]!.size} bytes elsewhere, and ${size} here`);
  if (known >= 0) return { buffer: known };
  const unnamed = buffers.filter((each) => each.name.startsWith('buffer')).length;
  return { buffer: buffers.push({ name: name ?? `buffer${unnamed + 1}`, size }) - 1 };
}

const isNamed = ({ kind, address }: ImageSymbol, wanted?: 'function'): boolean =>
  address !== undefined &&
  (wanted === undefined ? kind === 'function' || kind === 'object' : kind === wanted);

const find = (image: ProgramImage, name: string, kind?: 'function'): ImageSymbol | undefined =>
  image.symbols.find((symbol) => symbol.name === name && isNamed(symbol, kind));

/** `; it has push, pop`: the names that are most like one that is not there. */
function near(image: ProgramImage, name: string, kind?: 'function'): string {
  const names = new Set(image.symbols.filter((symbol) => isNamed(symbol, kind)).map((symbol) => symbol.name));
  const nearest = [...names]
    .map((each) => ({ each, distance: distance(name, each) }))
    .sort((a, b) => a.distance - b.distance || (a.each < b.each ? -1 : 1))
    .slice(0, 3)
    .map(({ each }) => each);
  const inlined = kind === undefined ? '' : ' (a static function may have gone into its callers: noinline)';
  return nearest.length === 0 ? '' : `; it has ${nearest.join(', ')}${inlined}`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (const [n, char] of [...a].entries()) {
    const next = [n + 1];
    for (let m = 0; m < b.length; m++)
      next.push(Math.min(next[m]! + 1, row[m + 1]! + 1, row[m]! + (b[m] === char ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
