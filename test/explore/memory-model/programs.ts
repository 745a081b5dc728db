import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readImage } from '../../../src/binary/read.js';
import { explore } from '../../../src/explore/search.js';
import { Knowledge } from '../../../src/explore/semantics/knowledge.js';
import type { Local } from '../../../src/explore/semantics/local.js';
import { MachineCode } from '../../../src/explore/semantics/machine-code.js';
import { Names } from '../../../src/explore/semantics/names.js';
import type { Settings } from '../../../src/explore/semantics/settings.js';
import { World } from '../../../src/explore/semantics/world.js';
import type { Counts } from '../../../src/explore/verdict.js';
import { CodeReader } from '../../../src/machine/decode.js';
import { ROOT } from '../../cli/command.js';
import { codeOf } from './assembler.js';

/** One access of a program. Legend of kind: write, read, xchg, lock xadd, xadd. */
export interface Access {
  readonly kind: 'W' | 'R' | 'X' | 'A' | 'a' | 'fence' | 'call';
  /** Of a fence or a system call. */
  readonly name: string;
  /** Bytes from the beginning of the shared memory. */
  readonly at: number;
  readonly size: number;
  /** Up to 127; of a system call, its first argument. */
  readonly value: number;
}
export type Program = readonly (readonly Access[])[];

/** Bytes of shared memory that programs use. */
export const MEMORY = 72;
const VARIABLES = { x: 0, y: 8, z: 16, w: 56 } as const;
const CALLS: Readonly<Record<string, readonly [name: string, argument: number]>> = {
  getpid: ['getpid', 0],
  sched_yield: ['sched_yield', 0],
  membarrier: ['membarrier', 8],
  'membarrier-query': ['membarrier', 0],
  'membarrier-global': ['membarrier', 1],
};
const FENCES: readonly string[] = ['mfence', 'sfence', 'lfence'];
const KINDS = { W: 'W', R: 'R', xchg: 'X', 'lock-xadd': 'A', xadd: 'a' } as const;

/** `Wx=1 Ry mfence`: writes x, reads y, fence. `Wx+2:2=5`: two bytes of it, from the third on. */
export const programOf = (tasks: readonly string[]): Program =>
  tasks.map((task) => task.split(' ').map(accessOf));

function accessOf(text: string): Access {
  const plain = { at: 0, size: 8, value: 0, name: text };
  if (FENCES.includes(text)) return { ...plain, kind: 'fence' };
  const call = CALLS[text];
  if (call !== undefined) return { ...plain, kind: 'call', name: call[0], value: call[1] };
  const parts = /^(W|R|xchg |lock-xadd |xadd )?([xyzw])(?:\+(\d+))?(?::(\d+))?(?:=(\d+))?$/.exec(
    text.replace('.', ' '),
  );
  if (parts === null) throw new Error(`no access: ${text}`);
  const [, kind, name, offset, size, value] = parts;
  return {
    ...plain,
    kind: KINDS[kind!.trim() as keyof typeof KINDS],
    at: VARIABLES[name as keyof typeof VARIABLES] + Number(offset ?? 0),
    size: Number(size ?? 8),
    value: Number(value ?? 0),
  };
}

const SCENARIOS = ['', 'two', 'three', 'four'];
let object: Buffer | undefined;

/** The object with the program's code in it. */
function objectOf(program: Program): Uint8Array {
  object ??= gunzipSync(readFileSync(join(ROOT, 'test/explore/memory-model/programs.o.gz')));
  const bytes = Buffer.from(object);
  for (const [task, accesses] of program.entries())
    bytes.set(codeOf(accesses), bytes.indexOf(`the code of ${task}`));
  return new Uint8Array(bytes);
}

/** How a program ends: what each task has read, and memory. */
export const endOf = (reads: readonly (readonly bigint[])[], memory: Uint8Array): string =>
  `${reads.map((each) => each.join(' ')).join(' | ')} || ${Buffer.from(memory).toString('hex')}`;

export interface Ends {
  readonly ends: ReadonlySet<string>;
  readonly counts: Counts;
  /** Most stores in a store buffer; some task waited for room in it. */
  readonly longest: number;
  readonly full: boolean;
}

export interface How {
  /** As in Settings: TSO with it. */
  readonly storeBuffer?: number;
  /** Every interruption too; otherwise each task begins once and runs to its end. */
  readonly interruptions?: boolean;
  readonly fusion?: boolean;
  readonly registers?: boolean;
}

/** All ends of a program, each task on a CPU of its own. */
export async function endsOf(program: Program, how: How = {}): Promise<Ends> {
  const bytes = objectOf(program);
  const settings: Settings = {
    kernel: '6.18',
    debugRseq: false,
    cpus: program.length,
    scenario: SCENARIOS[program.length - 1],
    ...(how.storeBuffer !== undefined && { storeBuffer: how.storeBuffer }),
  };
  const world = new World({ path: 'programs.o', bytes, arguments: [], environment: [] }, settings);
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  knowledge.symmetric = false;
  const names = new Names(world, readImage(bytes, 'programs.o', { ownPages: true }), () => undefined);
  const reductions = {
    symmetry: false,
    fusion: how.fusion ?? true,
    registers: how.registers ?? true,
    cpus: true,
    sleep: true,
  };
  for (;;) {
    const ends = new Set<string>();
    const end = (locals: readonly Local[], memory: string): undefined => {
      const reads = program.map(
        (_, task) => locals.find(({ owner }) => world.scenario.tasks[owner]!.name === `p${task}`)!.results,
      );
      ends.add(endOf(reads, memoryOf(knowledge.cells.words, memory, names)));
    };
    const code = new MachineCode(world, knowledge, reductions, end);
    try {
      const verdict = await explore(() => code, {
        symmetry: false,
        ...(how.interruptions !== true && { maxCost: program.length }),
      });
      if (verdict.kind === 'violation') throw new Error('a violation');
      return { ends, counts: verdict, longest: code.buffers.longest, full: code.order?.full === true };
    } catch (error) {
      if (!knowledge.learnedBy(error)) throw error;
    }
  }
}

function memoryOf(words: readonly number[], memory: string, names: Names): Uint8Array {
  const bytes = new Uint8Array(MEMORY);
  const values = memory === '' ? [] : memory.split(',').map(BigInt);
  for (const [cell, word] of words.entries()) {
    const place = /^shared(?:\+0x([0-9a-f]+))?$/.exec(names.data(word * 8) ?? '');
    if (place === null) throw new Error(`a cell that is none of the program's: ${names.data(word * 8)}`);
    new DataView(bytes.buffer).setBigUint64(Number.parseInt(place[1] ?? '0', 16), values[cell]!, true);
  }
  return bytes;
}
