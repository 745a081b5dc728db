import type { Addr } from '../../abi/address.js';
import type { Report, Rule } from '../rule.js';

export const retryWithoutRearming: Rule = {
  id: 'retry-without-rearming',
  severity: 'error',
  summary: 'The abort path enters the section again without storing rseq_cs.',
  why: 'When the kernel aborts a section it sets rseq_cs to NULL. A retry that jumps to start_ip runs with rseq_cs still NULL: the second attempt is not protected at all.',
  kernels: 'All (clear_rseq_cs in kernel/rseq.c, before the instruction pointer is changed).',
  mend: 'Let the abort handler jump to the instructions that store the descriptor to rseq_cs, in front of start_ip.',
  *section({ view, place }): Iterable<Report> {
    const { flow } = view;
    const { start, abort, armings } = view.section;
    if (
      !view.abortRuns ||
      flow === undefined ||
      abort === undefined ||
      start === undefined ||
      armings.length === 0
    )
      return;
    if (!flow.reached(abort) || view.inside(abort)) return;
    // Armed inside: the first instructions of the section, up to the store, may be reached without it.
    const armedFrom = Math.max(
      start,
      ...armings.filter(({ at }) => view.inside(at)).map(({ at }) => at + 1),
    ) as Addr;
    const unprotected = (at: Addr): boolean => view.inside(at) && at >= armedFrom;
    const visited = flow.walk([abort], (at) => view.isArming(at) || unprotected(at));
    const entered = [...visited.keys()].find((at) => unprotected(at) && !view.isArming(at));
    if (entered === undefined) return;
    const from = visited.get(entered);
    yield {
      at: from ?? abort,
      message: `the abort path enters the section again at ${place(entered)} without storing rseq_cs, which the kernel has cleared: the retry runs unprotected`,
      related: [{ at: abort, message: `the abort handler: ${place(abort)}` }],
    };
  },
};
