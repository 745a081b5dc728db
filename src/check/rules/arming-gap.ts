import type { Addr } from '../../abi/address.js';
import { nextOf } from '../../sections/evaluate.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const armingGap: Rule = {
  id: 'arming-gap',
  severity: 'error',
  summary:
    'There are instructions between the store to rseq_cs and start_ip, or a way to start_ip without the store.',
  why: 'When a thread is interrupted while rseq_cs is set and its instruction pointer is outside the section, the kernel clears rseq_cs (lazy clear). So an interruption between the store and start_ip disarms the section, which then runs unprotected. Measured: aborted 0 times of 5 with a gap of one instruction, 5 of 5 without. A store in front of a loop is the same mistake: from the second round on everything since the end of the section is the gap.',
  kernels: 'All.',
  mend: 'Make the store to rseq_cs the last instruction before start_ip, or move start_ip up to the instruction behind the store. In a loop, store it in each round.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const { start } = view.section;
    if (start === undefined || view.flow === undefined) return;
    const told = new Set<Addr>();
    for (const arming of view.section.armings) {
      // Armed inside (tcmalloc): what is in front of the store is without protection, but nothing lies between.
      if (view.inside(arming.at)) continue;
      const gap = instructionsBetween(context, arming.at, start);
      if (gap === 'elsewhere') yield elsewhere(context, arming.at, start);
      else if (gap.length > 0) {
        told.add(gap.at(-1)!);
        yield inGap(context, arming.at, gap);
      }
    }
    yield* unarmedEntries(context, start, told);
  },
};

/**
 * Other ways to start_ip: round a loop, or past the store. Some way stores rseq_cs there, so this one was meant to run
 * protected too. From the abort handler it is retry-without-rearming.
 */
function* unarmedEntries(
  { view, place }: SectionContext,
  start: Addr,
  told: ReadonlySet<Addr>,
): Iterable<Report> {
  const { flow, findings } = view;
  const { armings, abort } = view.section;
  if (flow === undefined || armings.length === 0 || armings.some(({ at }) => view.inside(at))) return;
  const stores = new Set(findings.armings.map(({ at }) => at));
  const retry = flow.walk(abort === undefined ? [] : [abort], (at) => stores.has(at) || view.inside(at));
  for (const from of flow.predecessors(start)) {
    if (stores.has(from) || told.has(from) || view.inside(from) || retry.has(from)) continue;
    // What nothing leads to is code only by a guess.
    const function_ = flow.range.start;
    if (flow.range.from === 'guess' || !flow.walk([function_], (at) => at === from).has(from)) continue;
    yield {
      at: from,
      message: `control comes to start_ip (${place(start)}) from here without having stored rseq_cs just before: if the thread was interrupted since the last store, or none was made, the section runs unprotected`,
      related: armings.map(({ at }) => ({ at, message: 'rseq_cs is stored here, on another way' })),
    };
  }
}

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
