import { type Access, endOf, MEMORY, type Program } from './programs.js';

/**
 * x86-TSO by its axioms: Alglave, Maranget, Tautschnig, Herding cats (TOPLAS 2014), figure 21, and herd's x86tso.cat. Every choice of which write
 * a read reads from (rf) and of the order of writes to each place (co) is looked at; it is an execution where these have no cycle:
 * po-loc, rf, co, fr (coherence); and, for TSO, po without write to read unless fenced or locked, rf between tasks, co, fr; with
 * nothing between the two halves of a locked instruction. Of whole variables only, and of programs whose writes are constants.
 */
interface Happening {
  readonly id: number;
  readonly task: number;
  /** In program order. */
  readonly position: number;
  readonly kind: 'read' | 'write' | 'fence';
  readonly at: number;
  readonly value: number;
  readonly locked: boolean;
}

const INITIAL = -1;

export function axiomaticEnds(program: Program, tso: boolean): Set<string> {
  const all = program.flatMap((accesses, task) =>
    accesses.flatMap((access, position) => happeningsOf(access, task, 2 * position)),
  );
  const happenings = all.map((each, id) => ({ ...each, id }));
  const reads = happenings.filter(({ kind }) => kind === 'read');
  const writes = happenings.filter(({ kind }) => kind === 'write');
  const places = [...new Set(writes.map(({ at }) => at))];
  const ends = new Set<string>();
  for (const orders of product(places.map((at) => permutations(writes.filter((write) => write.at === at)))))
    for (const from of product(
      reads.map(({ at }) => [INITIAL, ...writes.filter((write) => write.at === at).map(({ id }) => id)]),
    )) {
      if (!isExecution(happenings, orders, reads, from, tso)) continue;
      const memory = new Uint8Array(MEMORY);
      for (const order of orders) memory[order.at(-1)!.at] = order.at(-1)!.value;
      const seen = program.map((_, task) =>
        reads.flatMap((read, n) => (read.task === task ? [BigInt(happenings[from[n]!]?.value ?? 0)] : [])),
      );
      ends.add(endOf(seen, memory));
    }
  return ends;
}

function happeningsOf(
  { kind, name, at, value }: Access,
  task: number,
  position: number,
): Omit<Happening, 'id'>[] {
  const made = { task, position, at, value, locked: kind === 'X' };
  if (kind === 'W') return [{ ...made, kind: 'write' }];
  if (kind === 'R') return [{ ...made, kind: 'read' }];
  if (name === 'mfence') return [{ ...made, kind: 'fence' }];
  if (kind === 'X')
    return [
      { ...made, kind: 'read' },
      { ...made, kind: 'write', position: position + 1 },
    ];
  return [];
}

function isExecution(
  all: readonly Happening[],
  orders: readonly (readonly Happening[])[],
  reads: readonly Happening[],
  from: readonly number[],
  tso: boolean,
): boolean {
  type Pair = readonly [Happening, Happening];
  const co: Pair[] = orders.flatMap((order) =>
    order.flatMap((a, n) => order.slice(n + 1).map((b): Pair => [a, b])),
  );
  const rf: Pair[] = reads.flatMap((read, n): Pair[] =>
    from[n] === INITIAL ? [] : [[all[from[n]!]!, read]],
  );
  const fr: Pair[] = reads.flatMap((read, n) =>
    orders.flatMap((order) =>
      order
        .filter(({ at }) => at === read.at)
        .filter((write) => from[n] === INITIAL || co.some(([a, b]) => a.id === from[n] && b === write))
        .map((write): Pair => [read, write]),
    ),
  );
  const po: Pair[] = all.flatMap((a) =>
    all.filter((b) => a.task === b.task && a.position < b.position).map((b): Pair => [a, b]),
  );
  const local = po.filter(([a, b]) => a.kind !== 'fence' && b.kind !== 'fence' && a.at === b.at);
  if (isCyclic(all, [...local, ...rf, ...co, ...fr])) return false;
  const others = ([a, b]: Pair): boolean => a.task !== b.task;
  // Nobody writes between the halves of a locked instruction.
  for (const read of reads) {
    if (!read.locked) continue;
    const write = all.find(({ task, position }) => task === read.task && position === read.position + 1)!;
    const after = fr.filter((pair) => pair[0] === read && others(pair)).map(([, b]) => b);
    if (after.some((each) => co.some((pair) => pair[0] === each && pair[1] === write))) return false;
  }
  if (!tso) return !isCyclic(all, [...po, ...rf, ...co, ...fr]);
  const kept = po.filter(
    ([a, b]) =>
      a.kind !== 'write' ||
      b.kind !== 'read' ||
      a.locked ||
      b.locked ||
      all.some(
        (f) => f.kind === 'fence' && f.task === a.task && f.position > a.position && f.position < b.position,
      ),
  );
  const memory = kept.filter(([a, b]) => a.kind !== 'fence' && b.kind !== 'fence');
  return !isCyclic(all, [...memory, ...rf.filter(others), ...co, ...fr]);
}

function isCyclic(all: readonly Happening[], pairs: readonly (readonly [Happening, Happening])[]): boolean {
  const after: number[][] = all.map(() => []);
  const before = all.map(() => 0);
  for (const [a, b] of pairs) {
    after[a.id]!.push(b.id);
    before[b.id]!++;
  }
  const free = all.filter(({ id }) => before[id] === 0).map(({ id }) => id);
  let gone = 0;
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    gone++;
    for (const next of after[id]!) if (--before[next]! === 0) free.push(next);
  }
  return gone < all.length;
}

function* product<T>(lists: readonly (readonly T[])[]): Generator<T[]> {
  const [first, ...rest] = lists;
  if (first === undefined) yield [];
  else for (const each of first) for (const others of product(rest)) yield [each, ...others];
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((each, n) => permutations(list.toSpliced(n, 1)).map((rest) => [each, ...rest]));
}
