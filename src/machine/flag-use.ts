import type { Expression, Flag, Meaning, Statement } from '../isa/meaning.js';
import { eachIn, eachWithin } from '../isa/walk.js';
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
  const { eager, entering } = new Liveness(region, ways).find();
  return {
    uses: new Map(
      [...ways].map(([statement, how]) => [statement, { how, eager: flagsOf(eager.get(statement) ?? 0) }]),
    ),
    before: flagsOf(entering.get(region.entry)!),
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

/** Sets of flags as bits, in the order of STATUS. */
const maskOf = (flags: readonly Flag[]): number =>
  flags.reduce((mask, flag) => mask | (1 << STATUS.indexOf(flag)), 0);
const flagsOf = (mask: number): ReadonlySet<Flag> =>
  new Set(STATUS.filter((_, bit) => ((mask >> bit) & 1) !== 0));
const ALL = maskOf(STATUS);

/** What a statement does to the flags: which it reads, which it sets, and where control may go from it. */
interface Step {
  readonly reads: number;
  readonly sets: number;
  /** With all others read as well, for they stay in their locals. */
  readonly rest: number;
  readonly statement: Statement;
  /** Control goes there too, or nowhere else. */
  readonly also: readonly bigint[];
  readonly ends: boolean;
}

/** Which flags are read before they are set again. */
class Liveness {
  readonly eager = new Map<Statement, number>();
  readonly entering = new Map<bigint, number>();
  private readonly steps: ReadonlyMap<RegionBlock, readonly Step[]>;

  constructor(
    private readonly region: Region,
    private readonly ways: ReadonlyMap<FlagStatement, FlagUse['how']>,
  ) {
    for (const { start } of region.blocks) this.entering.set(start, 0);
    this.steps = new Map(region.blocks.map((block) => [block, this.stepsOf(block)]));
  }

  find(): this {
    for (let changed = true; changed; ) {
      changed = false;
      for (const block of [...this.region.blocks].reverse()) {
        const before = this.before(block);
        if (before === this.entering.get(block.start)) continue;
        this.entering.set(block.start, before);
        changed = true;
      }
    }
    return this;
  }

  private before(block: RegionBlock): number {
    let live = this.entering.get(block.instructions.at(-1)!.meaning.next) ?? 0;
    const steps = this.steps.get(block)!;
    for (let number = steps.length - 1; number >= 0; number--) {
      const { reads, sets, rest, statement, also, ends } = steps[number]!;
      if (ends) live = 0;
      for (const target of also) live |= this.entering.get(target) ?? 0;
      if (sets !== 0) this.eager.set(statement, (this.eager.get(statement) ?? 0) | (live & sets));
      live = (live & ~sets) | rest | reads;
    }
    return live;
  }

  private stepsOf({ instructions }: RegionBlock): Step[] {
    return instructions.flatMap(({ address, meaning }) =>
      meaning.statements.map((statement) => {
        const sets = statement.do === 'flags' ? maskOf(statusOf(statement)) : 0;
        const now = statement.do === 'flags' && this.ways.get(statement) === 'now' && sets !== 0;
        return {
          statement,
          sets,
          reads: flagsRead(statement),
          rest: now ? ALL & ~sets : 0,
          also: this.targets(statement, address, meaning),
          ends: statement.do === 'jump',
        };
      }),
    );
  }

  private targets(statement: Statement, address: bigint, meaning: Meaning): readonly bigint[] {
    if (statement.do === 'branch') return [statement.target];
    if (statement.do === 'repeat') return [address];
    if (statement.do !== 'jump') return [];
    if (statement.target.op === 'constant') return [statement.target.value];
    return isReturn(meaning) ? (this.region.returns ?? []) : [];
  }
}

function flagsRead(statement: Statement): number {
  let found = 0;
  eachIn(statement, (e) => {
    if (e.op === 'flag' && e.flag !== 'df') found |= 1 << STATUS.indexOf(e.flag);
  });
  return found;
}

/** The named values that expressions are made of. */
export function namesIn(expressions: readonly Expression[]): ReadonlySet<number> {
  const found = new Set<number>();
  for (const each of expressions)
    eachWithin(each, (e) => {
      if (e.op === 'temporary') found.add(e.id);
    });
  return found;
}
