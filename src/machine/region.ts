import { LINK } from '../isa/aarch64/registers.js';
import type { Meaning } from '../isa/meaning.js';
import { RSP } from '../isa/x86-64/registers.js';

/** One instruction of a program. */
export interface CodedInstruction {
  readonly address: bigint;
  readonly meaning: Meaning;
}

/** Instructions that run one behind the other; control enters at the first only. */
export interface RegionBlock {
  readonly start: bigint;
  readonly instructions: readonly CodedInstruction[];
}

/** Code that is translated together: what direct jumps reach from an entry, in ascending order of address. */
export interface Region {
  readonly entry: bigint;
  readonly blocks: readonly RegionBlock[];
  /** Where the functions that it calls return to: undefined where calls lead out of it. */
  readonly returns: readonly bigint[] | undefined;
}

/** What the instruction at an address does; undefined where there is none that is known. */
export type ReadMeaning = (address: bigint) => Meaning | undefined;

/** Bounds of a region: more would make one function too large to be optimised well. */
const MOST_BLOCKS = 48;
const MOST_INSTRUCTIONS = 400;
/** Each return compares its address with those behind all calls. */
const MOST_CALLS = 8;
/** How far from its entry a region reaches by jumps, in bytes. */
const REACH = 8192n;

/**
 * Decodes the region of an entry; undefined where not even its first instruction is known. With `calls` the functions that it calls are
 * part of it, after all that is its own.
 */
export function findRegion(entry: bigint, read: ReadMeaning, calls: boolean): Region | undefined {
  const instructions = new Map<bigint, CodedInstruction>();
  const leaders = new Set<bigint>([entry]);
  const returns: bigint[] = [];
  const pending = [entry];
  const called: bigint[] = [];
  const lead = (target: bigint, later: bigint[]): void => {
    if (!leaders.has(target) && leaders.size >= MOST_BLOCKS) return;
    leaders.add(target);
    if (!instructions.has(target)) later.push(target);
  };
  for (;;) {
    let at = pending.shift() ?? called.shift();
    if (at === undefined) break;
    while (at !== undefined && !instructions.has(at) && instructions.size < MOST_INSTRUCTIONS) {
      const meaning = read(at);
      if (meaning === undefined) break;
      instructions.set(at, { address: at, meaning });
      const { targets, falls } = exits(at, meaning, undefined);
      for (const target of targets)
        if (target - entry < REACH && entry - target < REACH) lead(target, pending);
      const callee = calls && returns.length < MOST_CALLS ? calleeOf(meaning) : undefined;
      if (callee !== undefined) {
        lead(callee, called);
        lead(meaning.next, pending);
        returns.push(meaning.next);
      }
      if (targets.length > 0 && falls) leaders.add(meaning.next);
      at = falls ? meaning.next : undefined;
    }
    // Two ways of reading the same bytes may meet: no instruction is in two blocks.
    if (at !== undefined && instructions.has(at)) leaders.add(at);
  }
  if (!instructions.has(entry)) return undefined;
  return { entry, blocks: blocksOf(instructions, leaders), returns: calls ? returns : undefined };
}

/** Where control may go from an instruction within the program's own words: direct targets, and behind it. */
function exits(
  at: bigint,
  meaning: Meaning,
  returns: readonly bigint[] | undefined,
): { targets: bigint[]; falls: boolean } {
  const targets: bigint[] = [];
  let falls = true;
  const { statements } = meaning;
  for (const statement of statements) {
    if (statement.do === 'branch') targets.push(statement.target);
    else if (statement.do === 'repeat') targets.push(at);
    else if (statement.do === 'jump') {
      falls = false;
      if (returns !== undefined && isReturn(meaning)) targets.push(...returns);
      else if (
        statement.target.op === 'constant' &&
        (returns !== undefined || calleeOf(meaning) === undefined)
      )
        targets.push(statement.target.value);
    } else if (statement.do === 'trap' && statement.when === undefined) falls = false;
  }
  return { targets, falls };
}

/** The function that a direct call calls: it is a jump behind a store, or with a link. */
function calleeOf({ statements }: Meaning): bigint | undefined {
  const last = statements.at(-1);
  if (last?.do !== 'jump' || last.target.op !== 'constant') return undefined;
  const isCall = statements.some(
    (each) => each.do === 'store' || (each.do === 'set' && each.register === LINK),
  );
  return isCall ? last.target.value : undefined;
}

/** Is it a jump that takes an address from the stack, or by a register's own name (ret of AArch64)? */
export function isReturn({ statements }: Meaning): boolean {
  const last = statements.at(-1);
  if (last?.do !== 'jump' || last.target.op === 'constant') return false;
  return (
    last.target.op === 'register' || statements.some((each) => each.do === 'set' && each.register === RSP)
  );
}

function blocksOf(
  instructions: ReadonlyMap<bigint, CodedInstruction>,
  leaders: ReadonlySet<bigint>,
): RegionBlock[] {
  const blocks: RegionBlock[] = [];
  for (const start of [...leaders].sort((a, b) => (a < b ? -1 : 1))) {
    const own: CodedInstruction[] = [];
    for (let at: bigint | undefined = start; at !== undefined; ) {
      const instruction = instructions.get(at);
      if (instruction === undefined) break;
      own.push(instruction);
      const { falls } = exits(at, instruction.meaning, undefined);
      at = falls && !leaders.has(instruction.meaning.next) ? instruction.meaning.next : undefined;
    }
    if (own.length > 0) blocks.push({ start, instructions: own });
  }
  return blocks;
}

/** The blocks that control may go to from each, by number, the one behind it last. */
export function successorsOf(
  blocks: readonly RegionBlock[],
  returns: readonly bigint[] | undefined,
): number[][] {
  const index = new Map(blocks.map(({ start }, number) => [start, number]));
  return blocks.map(({ instructions }) => {
    const { address, meaning } = instructions.at(-1)!;
    const { targets, falls } = exits(address, meaning, returns);
    const reached = [...targets, ...(falls ? [meaning.next] : [])].flatMap(
      (target) => index.get(target) ?? [],
    );
    return [...new Set(reached)];
  });
}

/**
 * Instructions from `entry` on in the order of memory, to behind the first that control does not fall out of and no jump so far leads
 * beyond: often the rest of a function. At most `most`; ends in front of one that is known already.
 */
export function sweep(
  entry: bigint,
  read: ReadMeaning,
  most: number,
  isKnown: (address: bigint) => boolean = () => false,
): CodedInstruction[] {
  const found: CodedInstruction[] = [];
  const ahead = new Set<bigint>();
  for (let at: bigint | undefined = entry; at !== undefined && found.length < most; ) {
    if (found.length > 0 && isKnown(at)) break;
    const meaning = read(at);
    if (meaning === undefined) break;
    found.push({ address: at, meaning });
    const { targets, falls } = exits(at, meaning, undefined);
    for (const target of targets) if (target > at && target - at < REACH) ahead.add(target);
    at = falls ? meaning.next : smallest(ahead, meaning.next);
  }
  return found;
}

/** The smallest of some addresses that is not below `from`. */
function smallest(addresses: ReadonlySet<bigint>, from: bigint): bigint | undefined {
  let found: bigint | undefined;
  for (const each of addresses) if (each >= from && (found === undefined || each < found)) found = each;
  return found;
}
