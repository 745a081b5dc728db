import type { Expression, Flag, Statement } from '../isa/meaning.js';
import { isSelfContained as dependsOnNothing } from './evaluate.js';
import type { Region } from './region.js';

/** The flags that arithmetic sets together. */
export const STATUS: readonly Flag[] = ['cf', 'pf', 'af', 'zf', 'sf', 'of'];

type FlagStatement = Extract<Statement, { do: 'flags' }>;

/** Does it set all status flags, so that nothing before it matters? */
export const isFull = ({ flags }: FlagStatement): boolean =>
  STATUS.every((flag) => flags[flag] !== undefined);

/**
 * Which flags somebody in the region reads before they are set again, for each statement that sets some. The others need not be made
 * until control leaves the region. A statement that sets a part of them counts as a reader of the rest.
 */
export function eagerFlags(region: Region): ReadonlyMap<FlagStatement, ReadonlySet<Flag>> {
  const eager = new Map<FlagStatement, Set<Flag>>();
  const index = new Map(region.blocks.map(({ start }, number) => [start, number]));
  const entering: Set<Flag>[] = region.blocks.map(() => new Set());
  for (let changed = true; changed; ) {
    changed = false;
    for (let number = region.blocks.length - 1; number >= 0; number--) {
      const before = liveBefore(region, number, index, entering, eager);
      if (before.size === entering[number]!.size) continue;
      entering[number] = before;
      changed = true;
    }
  }
  return eager;
}

function liveBefore(
  region: Region,
  number: number,
  index: ReadonlyMap<bigint, number>,
  entering: readonly ReadonlySet<Flag>[],
  eager: Map<FlagStatement, Set<Flag>>,
): Set<Flag> {
  const { instructions } = region.blocks[number]!;
  let live = new Set<Flag>(liveAt(index, entering, instructions.at(-1)!.meaning.next));
  for (const { address, meaning } of [...instructions].reverse()) {
    for (const statement of [...meaning.statements].reverse()) {
      if (statement.do === 'branch')
        for (const flag of liveAt(index, entering, statement.target)) live.add(flag);
      if (statement.do === 'repeat') for (const flag of liveAt(index, entering, address)) live.add(flag);
      if (statement.do === 'jump') {
        const { target } = statement;
        live = new Set(target.op === 'constant' ? liveAt(index, entering, target.value) : []);
      }
      if (statement.do === 'flags') {
        const known = eager.get(statement) ?? new Set<Flag>();
        const set = STATUS.filter((flag) => statement.flags[flag] !== undefined);
        for (const flag of set) if (live.has(flag)) known.add(flag);
        eager.set(statement, known);
        for (const flag of set) live.delete(flag);
        if (!isFull(statement)) for (const flag of STATUS) if (!set.includes(flag)) live.add(flag);
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

/** Can it be made later, from named values alone? */
export const isSelfContained = ({ flags }: FlagStatement): boolean =>
  Object.values(flags).every((each) => each === undefined || dependsOnNothing(each));
