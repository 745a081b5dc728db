import type { Addr } from '../../abi/address.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const branchEscapesSection: Rule = {
  id: 'branch-escapes-section',
  severity: 'warning',
  summary: 'A branch leaves the section for a place that is not declared as an exit point.',
  why: 'A side exit is harmless by itself: nothing has been committed. But debuggers and instrumentation tools that step over a section know only abort_ip, the end, and the exits in __rseq_exit_point_array. A branch that leaves and comes back is an error: an interruption outside clears rseq_cs, and the rest of the section runs unprotected.',
  kernels: 'All: the kernel knows the range and nothing else.',
  mend: 'Declare each side exit: `.pushsection __rseq_exit_point_array, "aw"; .quad <start_ip>, <exit>; .popsection`. Keep all code of the section inside its range.',
  *section(context): Iterable<Report> {
    const { view, place } = context;
    for (const instruction of view.instructions) {
      if (instruction.flow === 'indirect-jump' || instruction.flow === 'return') {
        const what = instruction.flow === 'return' ? 'a return' : 'an indirect jump';
        yield {
          at: instruction.address,
          message: `${what} leaves the section for a place that cannot be told`,
        };
      }
      if (instruction.flow !== 'jump' && instruction.flow !== 'branch') continue;
      const { target } = instruction;
      if (target === undefined || view.inside(target)) continue;
      const back = comesBack(context, target);
      if (back !== undefined) {
        yield {
          severity: 'error',
          at: instruction.address,
          message: `this branch leaves the section and comes back at ${place(back)}: an interruption outside clears rseq_cs, and the rest of the section runs unprotected`,
          related: [{ at: target, message: 'outside the section' }],
        };
      } else if (context.findings.image.sections.length > 0 && !isDeclared(context, target)) {
        // Without section names what is declared cannot be told.
        yield {
          at: instruction.address,
          message: `this branch leaves the section for ${place(target)}, which __rseq_exit_point_array does not declare`,
        };
      }
    }
  },
};

/** Instructions on the way from a branch's target to the exit it stands for: librseq puts saved registers back there. */
const LONGEST_TEARDOWN = 16;

/** Is the target a declared exit, or does straight code lead from it to one (a debugger that stops at the exits stops there)? */
function isDeclared({ view }: SectionContext, target: Addr): boolean {
  const { end, abort, exitPoints } = view.section;
  if (target === end || target === abort) return true;
  let at: Addr | undefined = target;
  for (let n = 0; at !== undefined && n < LONGEST_TEARDOWN; n++) {
    if (exitPoints.includes(at)) return true;
    const next: readonly Addr[] = view.flow?.successors(at) ?? [];
    at = next.length === 1 ? next[0] : undefined;
  }
  return false;
}

/** Where control that left at `target` comes back into the section without arming it again; not by start_ip itself. */
function comesBack({ view }: SectionContext, target: Addr): Addr | undefined {
  const { flow } = view;
  if (flow === undefined || !flow.reached(target)) return undefined;
  const visited = flow.walk([target], (at) => view.isArming(at) || view.inside(at));
  return [...visited.keys()].find((at) => view.inside(at) && at !== view.section.start && !view.isArming(at));
}
