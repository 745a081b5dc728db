import type { Addr } from '../../abi/address.js';
import { nextOf } from '../../sections/evaluate.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const armingGap: Rule = {
  id: 'arming-gap',
  severity: 'error',
  summary: 'There are instructions between the store to rseq_cs and start_ip.',
  why: 'When a thread is interrupted while rseq_cs is set and its instruction pointer is outside the section, the kernel clears rseq_cs (lazy clear). So an interruption between the store and start_ip disarms the section, which then runs unprotected. Measured: aborted 0 times of 5 with a gap of one instruction, 5 of 5 without.',
  kernels: 'All.',
  mend: 'Make the store to rseq_cs the last instruction before start_ip, or move start_ip up to the instruction behind the store.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const { start } = view.section;
    if (start === undefined || view.flow === undefined) return;
    for (const arming of view.section.armings) {
      // Armed inside (tcmalloc): what is in front of the store is without protection, but nothing lies between.
      if (view.inside(arming.at)) continue;
      const gap = instructionsBetween(context, arming.at, start);
      if (gap === 'elsewhere') yield elsewhere(context, arming.at, start);
      else if (gap.length > 0) yield inGap(context, arming.at, gap);
    }
  },
};

/** The instructions on the shortest way from the store to start_ip; `elsewhere` where no way leads there in one function. */
function instructionsBetween({ view }: SectionContext, store: Addr, start: Addr): Addr[] | 'elsewhere' {
  const flow = [...view.findings.flows].find((each) => each.reached(store) && each.reached(start));
  const instruction = flow?.code.at(store);
  if (flow === undefined || instruction === undefined) return 'elsewhere';
  const visited = flow.walk([...flow.successors(store)], (at) => at === start || view.isArming(at));
  if (!visited.has(start)) return 'elsewhere';
  const way: Addr[] = [];
  for (let at = visited.get(start); at !== undefined; at = visited.get(at)) way.unshift(at);
  return way;
}

function inGap({ view, place }: SectionContext, store: Addr, gap: readonly Addr[]): Report {
  const count = gap.length === 1 ? '1 instruction stands' : `${gap.length} instructions stand`;
  return {
    at: gap[0],
    message: `${count} between the store to rseq_cs and start_ip: an interruption there clears rseq_cs, and the section runs unprotected`,
    related: [
      { at: store, message: `rseq_cs is stored here: ${place(store)}` },
      { at: view.section.start!, message: `start_ip: ${place(view.section.start!)}` },
    ],
  };
}

function elsewhere({ view, place, findings }: SectionContext, store: Addr, start: Addr): Report {
  const behind = findings.code?.at(store);
  return {
    at: store,
    message: `rseq_cs is stored in another function than the section's: everything from here to start_ip (${place(start)}) is a gap in which an interruption clears rseq_cs, and the section runs unprotected`,
    related:
      behind === undefined
        ? []
        : [
            { at: nextOf(behind), message: 'the gap begins here' },
            { at: view.section.start!, message: 'start_ip' },
          ],
  };
}
