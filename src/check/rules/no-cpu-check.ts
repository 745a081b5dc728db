import { offsetOf } from '../../abi/layout.js';
import { RSEQ } from '../../abi/rseq.js';
import { indexReads, insideCompares } from '../fields.js';
import type { Report, Rule, SectionContext } from '../rule.js';

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
    if (insideCompares(view).length > 0 || readsNumberInside(context)) return;
    for (const access of view.accesses) {
      if (access.touched.kind !== 'other') continue;
      const stale = indexReads(view, flow, access.address).find((read) => !view.inside(read.at));
      if (stale === undefined) continue;
      yield {
        at: access.instruction.address,
        message: `this address is made from ${stale.field}, read before the section and never compared inside: after a migration in between it is another CPU's data`,
        related: [{ at: stale.at, message: `${stale.field} is read here` }],
      };
      return;
    }
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

/** The numbers stand in front of rseq_cs, and from node_id on. */
const RSEQ_CS = offsetOf(RSEQ, 'rseq_cs');
const NODE_ID = offsetOf(RSEQ, 'node_id');

/** A fixed address is the same on every CPU: per-CPU protection is not what the section is for. */
const isFixed = (terms: number): boolean => terms === 0;

/**
 * Does the section read one of the numbers itself (tcmalloc reads its slab pointer across cpu_id_start)? Thread-local memory
 * under another name may be struct rseq too: in a relocatable object the distance between two variables is not known.
 */
function readsNumberInside({ view }: SectionContext): boolean {
  if (view.accesses.some(({ read, touched }) => read && touched.kind === 'tls')) return true;
  return view.accesses.some(
    ({ read, touched, size }) =>
      read &&
      touched.kind === 'rseq' &&
      (touched.offset < RSEQ_CS ? touched.offset + Math.max(size, 1) > 0 : touched.offset >= NODE_ID),
  );
}
