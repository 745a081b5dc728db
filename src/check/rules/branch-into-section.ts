import type { Addr } from '../../abi/address.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const branchIntoSection: Rule = {
  id: 'branch-into-section',
  severity: 'error',
  summary: 'Code outside jumps into the middle of the section.',
  why: 'A section must be entered at start_ip, directly behind the store to rseq_cs. Who comes in further down has not armed it (or has lost it to a lazy clear on the way), and the instructions before, such as the comparison of the CPU number, have not run.',
  kernels: 'All.',
  mend: 'Jump to the store of rseq_cs in front of start_ip instead.',
  *section(context): Iterable<Report> {
    const { view, place, findings } = context;
    const told = new Set<Addr>();
    for (const flow of findings.flows) {
      // Where a function begins was guessed: its code may be no code, decoded from the middle of an instruction.
      if (flow.range.from === 'guess') continue;
      for (const { address: at } of view.instructions) {
        if (at === view.section.start) continue;
        for (const from of flow.predecessors(at)) {
          if (told.has(from) || view.inside(from) || returnsFromEscape(context, from)) continue;
          told.add(from);
          yield {
            at: from,
            message: `this jumps into the middle of the section, to ${place(at)}: it runs without having been armed there`,
          };
        }
      }
    }
  },
};

/** Code that the section itself branched to: branch-escapes-section tells of the way out and back. */
function returnsFromEscape({ view }: SectionContext, from: Addr): boolean {
  const { flow } = view;
  if (flow === undefined) return false;
  const outside = view.instructions.flatMap(({ address }) =>
    flow.successors(address).filter((to) => !view.inside(to) && to !== view.section.end),
  );
  const visited = flow.walk(
    outside,
    (at) => view.isArming(at) || view.inside(at) || at === view.section.abort,
  );
  return visited.has(from);
}
