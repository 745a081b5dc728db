import { type Access, endOf, MEMORY, type Program } from './programs.js';

/**
 * x86-TSO as its abstract machine, byte by byte: Owens, Sarkar, Sewell, A better x86 memory model: x86-TSO (TPHOLs 2009), section 3. Written for
 * itself, to compare with; it knows no machine code. Without `tso`: sequential consistency.
 */
interface State {
  readonly pc: readonly number[];
  readonly reads: readonly (readonly bigint[])[];
  /** Stores that wait: bytes from `at` on. */
  readonly buffers: readonly (readonly { readonly at: number; readonly bytes: readonly number[] }[])[];
  readonly memory: readonly number[];
}

export function machineEnds(program: Program, tso: boolean): Set<string> {
  const ends = new Set<string>();
  const seen = new Set<string>();
  const todo: State[] = [
    {
      pc: program.map(() => 0),
      reads: program.map(() => []),
      buffers: program.map(() => []),
      memory: Array(MEMORY).fill(0),
    },
  ];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const key = JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    if (seen.has(key)) continue;
    seen.add(key);
    const next = program.flatMap((_, task) => [...stepsOf(program, state, task, tso)]);
    if (next.length === 0) ends.add(endOf(state.reads, Uint8Array.from(state.memory)));
    todo.push(...next);
  }
  return ends;
}

const changed = <T>(list: readonly T[], at: number, value: T): T[] => list.with(at, value);

function* stepsOf(program: Program, state: State, task: number, tso: boolean): Generator<State> {
  const buffer = state.buffers[task]!;
  const [oldest, ...rest] = buffer;
  if (oldest !== undefined)
    yield { ...state, memory: written(state.memory, oldest), buffers: changed(state.buffers, task, rest) };
  const access = program[task]![state.pc[task]!];
  if (access === undefined) return;
  const waits = isBarrier(access) && buffer.length > 0;
  const others = reaches(access) && state.buffers.some((each, other) => other !== task && each.length > 0);
  if (waits || others) return;
  const next = { ...state, pc: changed(state.pc, task, state.pc[task]! + 1) };
  const { kind, at, size, value } = access;
  const seen = buffer.reduce(written, state.memory).slice(at, at + size);
  const number = seen.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if ('RXAa'.includes(kind)) next.reads = changed(state.reads, task, [...state.reads[task]!, number]);
  if (!'WXAa'.includes(kind)) {
    yield next;
    return;
  }
  const sum = BigInt(value) + ('Aa'.includes(kind) ? number : 0n);
  const bytes = Array.from({ length: size }, (_, n) => Number((sum >> BigInt(8 * (n % 8))) & 0xffn));
  const stores = pieces(at, bytes);
  if (tso && 'Wa'.includes(kind)) next.buffers = changed(state.buffers, task, [...buffer, ...stores]);
  else next.memory = stores.reduce(written, state.memory);
  yield next;
}

type Store = State['buffers'][number][number];

const written = (memory: readonly number[], { at, bytes }: Store): number[] =>
  memory.map((byte, n) => (n >= at && n < at + bytes.length ? bytes[n - at]! : byte));

/** At once: 8 bytes within a line of 64, or 16 aligned ones. Else up to each border of a word. */
function pieces(at: number, bytes: readonly number[]): Store[] {
  const { length } = bytes;
  if (length === 16 && at % 16 === 0) return [{ at, bytes }];
  if (length <= 8 && at % 64 <= 64 - length) return [{ at, bytes }];
  const first = 8 - (at % 8);
  if (length <= first) return [{ at, bytes }];
  return [{ at, bytes: bytes.slice(0, first) }, ...pieces(at + first, bytes.slice(first))];
}

const isBarrier = ({ kind, name, value }: Access): boolean =>
  'XA'.includes(kind) ||
  name === 'mfence' ||
  name === 'sched_yield' ||
  (name === 'membarrier' && value !== 0);
/** membarrier(2): all store buffers are emptied. */
const reaches = ({ name, value }: Access): boolean => name === 'membarrier' && value !== 0;
