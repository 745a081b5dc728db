import type { Addr } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ } from '../../abi/rseq.js';
import type { Instruction } from '../../isa/instruction.js';
import { nextOf } from '../../sections/evaluate.js';
import type { Flow } from '../../sections/flow.js';
import {
  INDEX_FIELDS,
  type IndexField,
  type InsideCompare,
  indexReads,
  insideCompares,
  sameGroup,
} from '../fields.js';
import type { Report, Rule, SectionContext } from '../rule.js';
import type { SectionView } from '../view.js';

export const noCpuCheck: Rule = {
  id: 'no-cpu-check',
  severity: 'error',
  summary: 'The section works on per-CPU data by a number that it neither reads nor compares inside.',
  why: "A CPU number read before the section may be stale when the section begins: the thread may have been migrated in between. The section then changes another CPU's data while that CPU changes it too, and one update is lost. Aborts do not help: the section is not interrupted.",
  kernels: 'All.',
  mend: 'Inside the section, compare cpu_id (or mm_cid) with the number the address was made from, and leave where they differ; or read the number inside the section in the first place.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const { flow } = view;
    if (flow === undefined) return;
    const compares = insideCompares(view);
    const binding = compares.filter((compare) => compare.binding);
    if (binding.length > 0) {
      yield* uncheckedStore(context, flow, binding);
      return;
    }
    const fresh = numbersReadInside(view, compares);
    for (const access of view.accesses) {
      if (access.touched.kind !== 'other') continue;
      const stale = indexReads(view, flow, access.address).find(
        (read) => !view.inside(read.at) && !fresh.some((field) => follows(field, read.field)),
      );
      if (stale === undefined) continue;
      const why =
        compares.length === 0
          ? 'never compared inside'
          : 'not what the section compares: a number read inside equals itself or a constant whatever was read before';
      yield {
        at: access.instruction.address,
        message: `this address is made from ${stale.field}, read before the section and ${why}; after a migration in between it is another CPU's data`,
        related: [{ at: stale.at, message: `${stale.field} is read here` }],
      };
      return;
    }
    if (compares.length > 0 || fresh.length > 0) return;
    // Not armed: where struct rseq lies is not known either, so nothing can be said of what is read from it.
    if (view.section.armings.length === 0) return;
    const [store] = view.visibleStores.filter(
      (access) => !access.touched || !isFixed(access.address.terms.length),
    );
    if (store === undefined) return;
    yield {
      severity: 'warning',
      at: store.instruction.address,
      message:
        'the section stores through a pointer from outside and looks at none of cpu_id, mm_cid or cpu_id_start: nothing ties it to the CPU it runs on',
    };
  },
};

/** A store by a number from before the section, on a way on which the comparison was not made or has found another number. */
function* uncheckedStore(
  { view, place }: SectionContext,
  flow: Flow,
  compares: readonly InsideCompare[],
): Iterable<Report> {
  const { start } = view.section;
  if (start === undefined) return;
  const branches = new Map(compares.map((compare) => [compare.branch, compare]));
  const unchecked = flow.walk([start], (at) => !view.inside(at) || branches.has(at));
  const differs = [...branches.keys()]
    .filter((at) => unchecked.has(at))
    .flatMap((at) => whereUnequal(flow, at))
    .filter((at) => view.inside(at));
  const beyond = flow.walk(differs, (at) => !view.inside(at) || branches.has(at));
  for (const store of view.visibleStores) {
    const at = store.instruction.address;
    const skipped = unchecked.has(at);
    if (!skipped && !beyond.has(at)) continue;
    const made = indexReads(view, flow, store.address);
    const stale = made.find((read) => !view.inside(read.at));
    // Where the numbers differ the section may have put the index right by the one it has read itself.
    if (made.some((read) => view.inside(read.at))) continue;
    if (stale === undefined || !compares.some(({ field }) => follows(field, stale.field))) continue;
    const compare = compares[0]!;
    yield {
      at: skipped ? at : compare.branch,
      message: skipped
        ? `control comes to this store without having compared ${compare.field}: its address is made from ${stale.field}, read before the section`
        : `this branch goes on to the store at ${place(at)} where the numbers differ, not where they are equal: its address is made from ${stale.field}, read before the section`,
      related: [
        { at: stale.at, message: `${stale.field} is read here` },
        { at: compare.at, message: `${compare.field} is compared here` },
      ],
    };
    return;
  }
}

/** Where a branch behind a comparison goes if the two differ; nowhere, if it does not ask for equality. */
function whereUnequal(flow: Flow, at: Addr): readonly Addr[] {
  const branch = flow.code.at(at);
  const { equal } = flow.code.decoder;
  if (branch?.condition === undefined || branch.condition >> 1 !== equal >> 1) return [];
  if (branch.target === nextOf(branch)) return flow.successors(at);
  const taken = branch.condition === equal;
  return flow.successors(at).filter((to) => (to === branch.target) !== taken);
}

/** The numbers stand in front of rseq_cs, and from node_id on. */
const RSEQ_CS = offsetOf(RSEQ, 'rseq_cs');
const NODE_ID = offsetOf(RSEQ, 'node_id');

/** A fixed address is the same on every CPU: per-CPU protection is not what the section is for. */
const isFixed = (terms: number): boolean => terms === 0;

/**
 * The numbers the section reads itself, other than to compare them with nothing of account (tcmalloc reads its slab pointer
 * across cpu_id_start). Thread-local memory under another name may be struct rseq too: in a relocatable object the distance
 * between two variables is not known.
 */
function numbersReadInside(view: SectionView, idle: readonly InsideCompare[]): (IndexField | 'any')[] {
  const compared = new Set(idle.flatMap(({ readAt }) => readAt));
  return view.accesses.flatMap(({ read, touched, size, instruction }) => {
    if (!read || compared.has(instruction.address) || isUnused(view, instruction)) return [];
    if (touched.kind === 'tls') return ['any'];
    if (touched.kind !== 'rseq') return [];
    const { offset } = touched;
    if (offset < RSEQ_CS) return offset + Math.max(size, 1) > 0 ? ['cpu_id'] : [];
    return offset < NODE_ID ? [] : [INDEX_FIELDS.get(offset) ?? 'any'];
  });
}

/** Is all that the instruction leaves in registers overwritten before anything reads it? */
function isUnused({ flow }: SectionView, instruction: Instruction): boolean {
  const written = instruction.writes;
  if (flow === undefined || written === 0n || instruction.flow !== 'next') return false;
  return (flow.liveBefore(nextOf(instruction)) & written) === 0n;
}

/** Does reading or comparing one number inside say something of the other? A node of a CPU does not change. */
const follows = (inside: IndexField | 'any', index: IndexField): boolean =>
  inside === 'any' || sameGroup(inside, index) || (index === 'node_id' && sameGroup(inside, 'cpu_id'));
