import type { Addr } from '../abi/address.js';
import { RSEQ } from '../abi/rseq.js';
import { FLAGS, has, type Instruction } from '../isa/instruction.js';
import type { Flow } from '../sections/flow.js';
import { type Atom, ancestors, type Linear } from '../sections/nodes.js';
import type { SectionView } from './view.js';

/** A member of struct rseq that programs index per-CPU data by. */
export type IndexField = 'cpu_id_start' | 'cpu_id' | 'node_id' | 'mm_cid';

/** Fields that follow each other: comparing one protects an index made of the other. */
const GROUP: Readonly<Record<IndexField, string>> = {
  cpu_id_start: 'cpu',
  cpu_id: 'cpu',
  node_id: 'node',
  mm_cid: 'cid',
};

const isIndexField = (name: string): name is IndexField => Object.hasOwn(GROUP, name);

/** The numbers struct rseq offers as an index, by offset in bytes; each is a u32. */
export const INDEX_FIELDS: ReadonlyMap<number, IndexField> = new Map(
  RSEQ.fields.flatMap(({ name, offset }) => (isIndexField(name) ? [[offset, name]] : [])),
);

/** Do both numbers follow each other, so that comparing one protects what the other indexes? */
export const sameGroup = (a: IndexField, b: IndexField): boolean => GROUP[a] === GROUP[b];

/** Functions that answer with the number of the CPU. */
const CPU_FUNCTIONS =
  /^(sched_getcpu|getcpu|__getcpu|rseq_current_cpu|rseq_current_cpu_raw|rseq_cpu_start|rseq_fallback_current_cpu)$/;

/** A use of one of the numbers: where it was read, and which. */
export interface IndexRead {
  readonly field: IndexField;
  readonly at: Addr;
}

/** The numbers of struct rseq that a value was made from. */
export function indexReads(view: SectionView, flow: Flow, value: Linear): IndexRead[] {
  const reads: IndexRead[] = [];
  for (const atom of ancestors(value)) {
    const field = fieldOf(view, flow, atom);
    if (field !== undefined) reads.push({ field, at: (atom as Extract<Atom, { at: Addr }>).at });
  }
  return reads;
}

function fieldOf(view: SectionView, flow: Flow, atom: Atom): IndexField | undefined {
  if (atom.kind === 'load') {
    const offset = view.findings.area.offsetOf(flow, atom.address);
    return offset === undefined ? undefined : INDEX_FIELDS.get(offset);
  }
  if (atom.kind === 'call' && atom.callee !== undefined && CPU_FUNCTIONS.test(atom.callee)) return 'cpu_id';
  return undefined;
}

/** A comparison inside the section, and the numbers it reads there and then. */
export interface InsideCompare extends IndexRead {
  /** Where the number is read. */
  readonly readAt: Addr;
  /** What the number is compared with. */
  readonly sides: readonly Linear[];
  /** The branch inside the section that goes by the outcome. */
  readonly branch: Addr;
  /** Is it compared with something from outside? Two reads of the moment, or a read and a constant, say nothing of an older number. */
  readonly binding: boolean;
}

/** Comparisons inside the section whose outcome depends on a number of struct rseq read inside. */
export function insideCompares(view: SectionView): InsideCompare[] {
  const { flow } = view;
  if (flow === undefined) return [];
  const compares: InsideCompare[] = [];
  for (const { address: at, compares: pair } of view.instructions) {
    const state = flow.before(at);
    const instruction = flow.code.at(at);
    if (pair === undefined || state === undefined || instruction === undefined) continue;
    const branch = decidedBy(view, instruction);
    if (branch === undefined) continue;
    const sides = pair.map((value) => flow.evaluator.value(value, state, instruction));
    const binding = sides.some((side) => hasMore(view, flow, side));
    for (const read of sides.flatMap((side) => indexReads(view, flow, side))) {
      if (view.inside(read.at))
        compares.push({ field: read.field, readAt: read.at, at, sides, branch, binding });
    }
  }
  return compares;
}

/** Is the value made of anything but constants and numbers of struct rseq that were read inside? */
function hasMore(view: SectionView, flow: Flow, value: Linear): boolean {
  const seen = new Set<Atom>();
  const pending = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { atom } of next.terms) {
      if (seen.has(atom)) continue;
      seen.add(atom);
      if (fieldOf(view, flow, atom) !== undefined && view.inside((atom as Extract<Atom, { at: Addr }>).at))
        continue;
      if (atom.kind === 'join') pending.push(...atom.inputs);
      else if (atom.kind === 'opaque' && atom.from.length > 0) pending.push(...atom.from);
      else return true;
    }
  }
  return false;
}

/** The branch inside the section that depends on the comparison. Flags that nobody reads compare nothing. */
function decidedBy(view: SectionView, comparison: Instruction): Addr | undefined {
  if (comparison.flow === 'branch') return comparison.address;
  const behind = view.instructions.filter(({ address }) => address > comparison.address);
  for (const instruction of behind) {
    if (instruction.flow === 'branch' && has(instruction.reads, FLAGS)) return instruction.address;
    if (has(instruction.writes, FLAGS)) return undefined;
  }
  return undefined;
}
