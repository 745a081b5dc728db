import type { Meaning, Statement } from '../isa/meaning.js';

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
}

/** What the instruction at an address does; undefined where there is none that is known. */
export type ReadMeaning = (address: bigint) => Meaning | undefined;

/** Bounds of a region: more would make one function too large to be optimised well. */
const MOST_BLOCKS = 48;
const MOST_INSTRUCTIONS = 400;
/** How far from its entry a region reaches, in bytes. */
const REACH = 8192n;

/** Decodes the region of an entry; undefined where not even its first instruction is known. */
export function findRegion(entry: bigint, read: ReadMeaning): Region | undefined {
  const instructions = new Map<bigint, CodedInstruction>();
  const leaders = new Set<bigint>([entry]);
  const pending = [entry];
  for (let at = pending.shift(); at !== undefined; at = pending.shift()) {
    while (at !== undefined && !instructions.has(at) && instructions.size < MOST_INSTRUCTIONS) {
      const meaning = read(at);
      if (meaning === undefined) break;
      instructions.set(at, { address: at, meaning });
      const { targets, falls } = exits(at, meaning);
      for (const target of targets) {
        const near = target - entry < REACH && entry - target < REACH;
        if (near && (leaders.has(target) || leaders.size < MOST_BLOCKS)) {
          leaders.add(target);
          if (!instructions.has(target)) pending.push(target);
        }
      }
      if (targets.length > 0 && falls) leaders.add(meaning.next);
      at = falls ? meaning.next : undefined;
    }
    // Two ways of reading the same bytes may meet: no instruction is in two blocks.
    if (at !== undefined && instructions.has(at)) leaders.add(at);
  }
  if (!instructions.has(entry)) return undefined;
  return { entry, blocks: blocksOf(instructions, leaders) };
}

/** Where control may go from an instruction within the program's own words: direct targets, and behind it. */
function exits(at: bigint, { statements }: Meaning): { targets: bigint[]; falls: boolean } {
  const targets: bigint[] = [];
  let falls = true;
  for (const statement of statements) {
    if (statement.do === 'branch') targets.push(statement.target);
    else if (statement.do === 'repeat') targets.push(at);
    else if (statement.do === 'jump') {
      falls = false;
      // A call is a jump behind a store: its target is another function, and not part of this one.
      if (statement.target.op === 'constant' && !isCall(statements)) targets.push(statement.target.value);
    } else if (statement.do === 'trap' && statement.when === undefined) falls = false;
  }
  return { targets, falls };
}

const isCall = (statements: readonly Statement[]): boolean => statements.some((each) => each.do === 'store');

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
      const { falls } = exits(at, instruction.meaning);
      at = falls && !leaders.has(instruction.meaning.next) ? instruction.meaning.next : undefined;
    }
    if (own.length > 0) blocks.push({ start, instructions: own });
  }
  return blocks;
}

/** The blocks that control may go to from each, by number, the one behind it last. */
export function successorsOf(blocks: readonly RegionBlock[]): number[][] {
  const index = new Map(blocks.map(({ start }, number) => [start, number]));
  return blocks.map(({ instructions }) => {
    const { address, meaning } = instructions.at(-1)!;
    const { targets, falls } = exits(address, meaning);
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
    const { targets, falls } = exits(at, meaning);
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
