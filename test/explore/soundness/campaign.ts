import { readImage } from '../../../src/binary/read.js';
import type { Reductions } from '../../../src/explore/semantics/machine-code.js';
import { Refusal } from '../../../src/explore/semantics/refusal.js';
import { ALL, type Case, COMBINATIONS, classesOf, explored, type Found, type How, NONE } from './explored.js';
import { ran } from './ran.js';
import { SHARED } from './scenario-file.js';

export interface Held {
  /** What does not agree, in words. */
  readonly wrong: readonly string[];
  readonly outcome: 'verified' | 'violation' | 'too large' | 'refused';
  /** Why it was refused. */
  readonly refusal?: string;
  readonly states: number;
  readonly ends: number;
  readonly ran: number;
  readonly ranEnds: number;
}

export const SCHEDULES = ['restless', 'random', 'aborts', 'pct:3', 'rr'] as const;

/** Every address of the shared words of a random scenario; of others, of all data that can be written. */
export function wordsOf({ bytes, name }: Case): number[] {
  const image = readImage(bytes, name, { ownPages: true });
  const symbol = image.symbol('data');
  const data = symbol?.binding === 'global' ? symbol.address : undefined;
  const areas =
    data !== undefined
      ? [{ start: data, size: SHARED }]
      : image.regions.filter(({ writable }) => writable).map(({ start, size }) => ({ start, size }));
  return areas.flatMap(({ start, size }) =>
    Array.from({ length: Math.ceil((size + (start % 8)) / 8) }, (_, n) => start - (start % 8) + 8 * n),
  );
}

/** Holds all ways to explore a case against each other, and runs against them. */
export async function hold(
  what: Case,
  {
    maxStates,
    seeds,
    jobs = false,
    combinations = COMBINATIONS,
  }: { maxStates: number; seeds: number; jobs?: boolean; combinations?: readonly Reductions[] },
): Promise<Held> {
  const wrong: string[] = [];
  // The second pass, too, with CPUs exchanged for one another.
  const ways: How[] = combinations.map((reductions) => ({ reductions, maxStates, plainStates: 0 }));
  if (jobs) ways.push({ reductions: ALL, exact: true, maxStates }, { reductions: ALL, jobs: 2, maxStates });
  let first: Found | undefined;
  const all = await attempt(what, { reductions: ALL, maxStates });
  if (typeof all === 'string') {
    const none = await attempt(what, { reductions: NONE, maxStates });
    if (all.startsWith('error') || typeof none !== 'string' || none.startsWith('error'))
      wrong.push(`all: ${all}`, `none: ${typeof none === 'string' ? none : none.verdict}`);
    return { wrong, outcome: 'refused', refusal: all, states: 0, ends: 0, ran: 0, ranEnds: 0 };
  }
  if (all.verdict !== 'bounded')
    for (const how of ways) {
      const found = await attempt(what, how);
      const said = `${JSON.stringify(how.reductions)}${how.exact ? ' exact' : ''}${how.jobs ? ' jobs' : ''}`;
      if (typeof found === 'string') {
        wrong.push(`${said}: ${found}`);
        continue;
      }
      if (found.verdict === 'bounded') {
        if (first === undefined) break;
        continue;
      }
      if (first === undefined) {
        first = found;
        continue;
      }
      if (found.verdict !== first.verdict) wrong.push(`${said}: ${found.verdict}, none: ${first.verdict}`);
      else if (found.verdict === 'verified')
        for (const [text, here, there] of [
          ['is missing', first.ends, found.ends],
          ['is only here', found.ends, first.ends],
        ] as const)
          for (const end of here) if (!there.has(end)) wrong.push(`${said}: an end ${text}: ${end}`);
    }
  let done = 0;
  const met = new Set<string>();
  if (all.verdict !== 'bounded') {
    const words = wordsOf(what);
    const classes = classesOf(what);
    for (const schedule of SCHEDULES)
      for (
        let seed = 1;
        seed <= (schedule === 'restless' ? 4 * seeds : schedule === 'rr' ? 2 : seeds);
        seed++
      ) {
        const one = ran(what, schedule, seed, words, classes);
        done++;
        if (one.kind === 'end') met.add(one.end);
        if (all.verdict !== 'verified') continue;
        if (one.kind === 'wrong')
          wrong.push(`run --schedule ${schedule} --seed ${seed} goes wrong: ${one.text}`);
        else if (one.kind === 'end' && !all.ends.has(one.end))
          wrong.push(`run --schedule ${schedule} --seed ${seed} ends like no exploration: ${one.end}`);
      }
  }
  return {
    wrong: [...new Set(wrong)],
    outcome: all.verdict === 'bounded' ? 'too large' : all.verdict === 'verified' ? 'verified' : 'violation',
    states: (first ?? all).states,
    ends: all.ends.size,
    ran: done,
    ranEnds: met.size,
  };
}

async function attempt(what: Case, how: How): Promise<Found | string> {
  try {
    return await explored(what, how);
  } catch (error) {
    if (error instanceof Refusal) return `refused: ${error.message}`;
    return `error: ${error instanceof Error ? error.message : error}`;
  }
}
