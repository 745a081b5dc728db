import { learnAhead } from '../../../src/explore/learn-ahead.js';
import { explore as search } from '../../../src/explore/search.js';
import { Knowledge } from '../../../src/explore/semantics/knowledge.js';
import type { Local } from '../../../src/explore/semantics/local.js';
import { MachineCode, type Reductions } from '../../../src/explore/semantics/machine-code.js';
import { World } from '../../../src/explore/semantics/world.js';
import { CodeReader } from '../../../src/machine/decode.js';
import { exploreHost } from '../../../src/node/explore-host.js';

/** What is looked at: one scenario of an object, under one kernel's rules. */
export interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly scenario?: string;
  readonly kernel: string;
  readonly debugRseq: boolean;
  readonly cpus: number;
  /** As in Settings: TSO with it. */
  readonly storeBuffer?: number;
}

/** How it is explored. */
export interface How {
  readonly reductions: Reductions;
  /** As in Options. */
  readonly plainStates?: number;
  readonly jobs?: number;
  readonly exact?: boolean;
  readonly maxStates?: number;
}

export const NONE: Reductions = {
  symmetry: false,
  fusion: false,
  registers: false,
  cpus: false,
  sleep: false,
};
export const ALL: Reductions = { symmetry: true, fusion: true, registers: true, cpus: true, sleep: true };
/** Combinations of them, none first: all of three, with and without the two others; and each of these by itself, with none and with all. */
export const COMBINATIONS: readonly Reductions[] = [
  ...Array.from({ length: 16 }, (_, bits) => ({
    symmetry: (bits & 1) !== 0,
    fusion: (bits & 2) !== 0,
    registers: (bits & 4) !== 0,
    cpus: (bits & 8) !== 0,
    sleep: (bits & 8) !== 0,
  })),
  { ...NONE, cpus: true },
  { ...NONE, sleep: true },
  { ...ALL, cpus: false },
  { ...ALL, sleep: false },
];

/** What an exploration came to, without what may differ: how many states it took. */
export interface Found {
  /** Of a violation the fewest interruptions before it. */
  readonly verdict: 'verified' | 'bounded' | `${string} after ${number}`;
  /** Shared memory that is not as it was at the beginning, and results by function; where nothing goes wrong, all of them. */
  readonly ends: ReadonlySet<string>;
  readonly states: number;
  readonly rounds: number;
}

const ROUNDS = 200;

/** Explores without an oracle. Throws Refusal. */
export async function explored(what: Case, how: How): Promise<Found> {
  const { name, bytes, kernel, debugRseq, cpus, scenario, storeBuffer } = what;
  const world = new World(
    { path: name, bytes, arguments: [], environment: [] } as ConstructorParameters<typeof World>[0],
    { kernel, debugRseq, cpus, scenario, ...(storeBuffer !== undefined && { storeBuffer }) },
  );
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  for (let rounds = 1; ; rounds++) {
    if (rounds > ROUNDS) throw new Error(`${name}: the search begins again and again`);
    const ends = new Set<string>();
    try {
      await learnAhead(world, knowledge, { reductions: how.reductions });
      const make = (exchange: boolean): MachineCode => {
        const { reductions } = how;
        const some = exchange ? reductions : { ...reductions, cpus: false };
        return new MachineCode(world, knowledge, some, (locals, memory) => {
          ends.add(endOf(world, knowledge, locals, memory));
          return undefined;
        });
      };
      const symmetry = how.reductions.symmetry && knowledge.symmetric;
      const verdict = await search(make, {
        symmetry,
        sleep: how.reductions.sleep,
        exact: how.exact === true,
        ...(how.plainStates !== undefined && { plainStates: how.plainStates }),
        jobs: how.jobs ?? 1,
        ...((how.jobs ?? 1) > 1 && { host: exploreHost, shareFrom: 1, roundStates: 512 }),
        ...(how.maxStates !== undefined && { maxStates: how.maxStates }),
      });
      const { states } = verdict;
      if (verdict.kind !== 'violation') return { verdict: verdict.kind, ends, states, rounds };
      const { violation, cost } = verdict.counterexample;
      return { verdict: `${violation.kind} after ${cost}`, ends, states, rounds };
    } catch (error) {
      if (!knowledge.learnedBy(error)) throw error;
    }
  }
}

/** Tasks that are alike are not told apart: of each the first one that is. */
export function classesOf({ name, bytes, kernel, debugRseq, cpus, scenario }: Case): readonly number[] {
  const world = new World(
    { path: name, bytes, arguments: [], environment: [] } as ConstructorParameters<typeof World>[0],
    { kernel, debugRseq, cpus, scenario },
  );
  return new Knowledge(world, new CodeReader(world.machine)).classes;
}

/** An end as text: where they began stands for tasks. */
export function endText(
  memory: readonly (readonly [address: number, value: bigint])[],
  results: readonly (readonly [start: number, values: readonly bigint[]])[],
): string {
  const cells = memory.map(([address, value]) => `${address.toString(16)}=${value.toString(16)}`);
  return `${cells.join(' ')} | ${results
    .map(([start, values]) => `${start.toString(16)}:${values}`)
    .sort()
    .join(' ')}`;
}

function endOf(world: World, knowledge: Knowledge, locals: readonly Local[], memory: string): string {
  const { cells } = knowledge;
  const { tasks } = world.scenario;
  const values = memory === '' ? [] : memory.split(',').map(BigInt);
  const changed = cells.words.flatMap((word, cell) =>
    values[cell] === cells.initial(cell) ? [] : [[word * 8, values[cell]!] as const],
  );
  const results = locals.map(
    ({ owner, results }) =>
      [tasks[knowledge.classes[owner < 0 ? -1 - owner : owner]!]!.start, results] as const,
  );
  return endText(changed, results);
}
