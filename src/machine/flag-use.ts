import type { Expression, Flag, Statement } from '../isa/meaning.js';
import type { FlagStatement } from './emitter.js';
import { isSelfContained } from './evaluate.js';
import { isReturn, type Region, type RegionBlock } from './region.js';

/** The flags that arithmetic sets together. */
export const STATUS: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'of'];

/**
 * How a region treats a statement that sets flags. Those that somebody in the region reads are made at once (`eager`), the others when
 * control leaves the region. Legend of `how`:
 *   whole   sets all status flags: nothing before it matters
 *   layer   sets some; where the others come from is known, for another statement of the block stands before it
 *   over    sets some, as the first of its block: the others come from wherever control came from
 *   now     all that it sets is made at once, and what it leaves as well: it counts as a reader of the rest
 */
export interface FlagUse {
  readonly how: 'whole' | 'layer' | 'over' | 'now';
  readonly eager: ReadonlySet<Flag>;
}

export const statusOf = ({ flags }: FlagStatement): Flag[] =>
  STATUS.filter((flag) => flags[flag] !== undefined);

/** `before`: the flags that are read as they were when control entered the region. */
export function flagUses(region: Region): {
  readonly uses: ReadonlyMap<FlagStatement, FlagUse>;
  readonly before: ReadonlySet<Flag>;
} {
  const ways = waysOf(region.blocks);
  const eager = new Map<FlagStatement, Set<Flag>>(
    [...ways.keys()].map((statement) => [statement, new Set()]),
  );
  const index = new Map(region.blocks.map(({ start }, number) => [start, number]));
  const entering: Set<Flag>[] = region.blocks.map(() => new Set());
  for (let changed = true; changed; ) {
    changed = false;
    for (let number = region.blocks.length - 1; number >= 0; number--) {
      const before = liveBefore(region, number, index, entering, eager, ways);
      if (before.size === entering[number]!.size) continue;
      entering[number] = before;
      changed = true;
    }
  }
  return {
    uses: new Map([...ways].map(([statement, how]) => [statement, { how, eager: eager.get(statement)! }])),
    before: entering[index.get(region.entry)!]!,
  };
}

/** Statements 'over' others of one region all set the same flags, so that one that meets another takes its place. */
function waysOf(blocks: readonly RegionBlock[]): Map<FlagStatement, FlagUse['how']> {
  const ways = new Map<FlagStatement, FlagUse['how']>();
  let same: string | undefined;
  for (const { instructions } of blocks) {
    let known = false;
    for (const { meaning } of instructions) {
      for (const statement of meaning.statements) {
        if (statement.do !== 'flags') continue;
        const set = statusOf(statement);
        if (set.length === 0 || !canWait(statement)) ways.set(statement, 'now');
        else if (set.length === STATUS.length) ways.set(statement, 'whole');
        else if (known) ways.set(statement, 'layer');
        else {
          same ??= set.join();
          ways.set(statement, same === set.join() ? 'over' : 'now');
        }
        known ||= set.length > 0 && ways.get(statement) !== 'over';
      }
    }
  }
  return ways;
}

/** Can its flags be made later, from named values alone? */
const canWait = ({ flags }: FlagStatement): boolean =>
  flags.df === undefined && Object.values(flags).every((each) => each === undefined || isSelfContained(each));

function liveBefore(
  { blocks, returns = [] }: Region,
  number: number,
  index: ReadonlyMap<bigint, number>,
  entering: readonly ReadonlySet<Flag>[],
  eager: ReadonlyMap<FlagStatement, Set<Flag>>,
  ways: ReadonlyMap<FlagStatement, FlagUse['how']>,
): Set<Flag> {
  const { instructions } = blocks[number]!;
  let live = new Set<Flag>(liveAt(index, entering, instructions.at(-1)!.meaning.next));
  for (const { address, meaning } of [...instructions].reverse()) {
    for (const statement of [...meaning.statements].reverse()) {
      if (statement.do === 'branch')
        for (const flag of liveAt(index, entering, statement.target)) live.add(flag);
      if (statement.do === 'repeat') for (const flag of liveAt(index, entering, address)) live.add(flag);
      if (statement.do === 'jump') {
        const { target } = statement;
        const targets = target.op === 'constant' ? [target.value] : isReturn(meaning) ? returns : [];
        live = new Set(targets.flatMap((each) => [...liveAt(index, entering, each)]));
      }
      if (statement.do === 'flags') {
        const known = eager.get(statement)!;
        const set = statusOf(statement);
        for (const flag of set) if (live.has(flag)) known.add(flag);
        for (const flag of set) live.delete(flag);
        if (ways.get(statement) === 'now' && set.length > 0)
          for (const flag of STATUS) if (!set.includes(flag)) live.add(flag);
      }
      for (const flag of flagsRead(statement)) live.add(flag);
    }
  }
  return live;
}

const liveAt = (
  index: ReadonlyMap<bigint, number>,
  entering: readonly ReadonlySet<Flag>[],
  at: bigint,
): ReadonlySet<Flag> => {
  const number = index.get(at);
  return number === undefined ? new Set() : entering[number]!;
};

/** The flags that a statement's expressions read. */
export function flagsRead(statement: Statement): Set<Flag> {
  const found = new Set<Flag>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('op' in value && (value as Expression).op === 'flag')
      found.add((value as Extract<Expression, { op: 'flag' }>).flag);
    for (const each of Object.values(value)) visit(each);
  };
  visit(statement);
  return found;
}

/** The named values that expressions are made of. */
export function namesIn(expressions: readonly Expression[]): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('op' in value && (value as Expression).op === 'temporary')
      found.add((value as Extract<Expression, { op: 'temporary' }>).id);
    else for (const each of Object.values(value)) visit(each);
  };
  visit(expressions);
  return found;
}
