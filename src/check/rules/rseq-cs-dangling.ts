import type { Addr } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ } from '../../abi/rseq.js';
import { reachableBehind } from '../../sections/uses.js';
import type { Report, Rule, RuleContext } from '../rule.js';

export const rseqCsDangling: Rule = {
  id: 'rseq-cs-dangling',
  severity: 'error',
  summary: 'rseq_cs can be left pointing at a descriptor that ceases to exist.',
  why: 'The kernel clears rseq_cs lazily: after a section has run, the field goes on pointing at its descriptor until the next interruption outside. If the descriptor is a stack slot that is reused, or lies in a library that is unloaded by then, the kernel reads garbage or an unmapped page and kills the thread with SIGSEGV, far away from any section.',
  kernels:
    'All (measured on 6.18). From 6.19 the field stays set longer, as it is looked at only when user space was interrupted.',
  mend: 'Make the descriptor static, or store 0 to rseq_cs on every way out of the function. For a library: link with -z nodelete, or call rseq_prepare_unload (librseq) in every thread before dlclose.',
  *section(context): Iterable<Report> {
    const { view } = context;
    if (view.section.descriptor.address !== undefined) return;
    for (const arming of view.section.armings) {
      const way = returnsArmed(context, arming.at);
      if (way === undefined) continue;
      yield {
        at: arming.at,
        message:
          'the descriptor is on the stack, and the function can return with rseq_cs still pointing at it: the kernel reads the reused stack later and kills the thread with SIGSEGV',
        related: [{ at: way, message: 'returns here with rseq_cs set' }],
      };
    }
  },
  *file(context): Iterable<Report> {
    const { findings } = context;
    const { type, pie, nodelete } = findings.image.header;
    if (type !== 'shared' || pie || nodelete) return;
    const section = findings.sections.find(
      (each) =>
        each.descriptor.address !== undefined &&
        leavesArmed(
          context,
          each.armings.map(({ at }) => at),
        ),
    );
    if (section === undefined) return;
    yield {
      severity: 'warning',
      at: section.armings[0]?.at,
      message:
        'this library can be unloaded, and its functions return with rseq_cs pointing into it: after dlclose the kernel reads unmapped memory and kills the thread with SIGSEGV',
    };
  },
};

const RSEQ_CS = offsetOf(RSEQ, 'rseq_cs');

/** The return that a way from the arming store reaches without rseq_cs being stored again. */
function returnsArmed({ findings }: RuleContext, store: Addr): Addr | undefined {
  const flow = findings.flowAt(store);
  if (flow === undefined) return undefined;
  const clears = (at: Addr): boolean =>
    flow.accesses(at).some((access) => {
      if (!access.write) return false;
      const offset = findings.area.offsetOf(flow, access.address);
      return offset !== undefined && offset <= RSEQ_CS && offset + access.size > RSEQ_CS;
    });
  return [...reachableBehind(flow, store, clears)].find((at) => {
    const instruction = flow.code.at(at);
    return instruction !== undefined && flow.leaves(instruction) && !clears(at);
  });
}

const leavesArmed = (context: RuleContext, stores: readonly Addr[]): boolean =>
  stores.some((store) => returnsArmed(context, store) !== undefined);
