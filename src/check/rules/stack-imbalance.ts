import type { Addr } from '../../abi/address.js';
import { has, type RegisterId } from '../../isa/instruction.js';
import type { Flow } from '../../sections/flow.js';
import { constantOf } from '../../sections/nodes.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const stackImbalance: Rule = {
  id: 'stack-imbalance',
  severity: 'error',
  summary: 'The stack pointer changes inside the section, or the abort path returns with another one.',
  why: 'The kernel does not restore the stack pointer when it aborts a section. Behind a push inside the section an abort leaves it one word too low: the next ret takes its address from the wrong place, or the stack creeps with each retry. A pop that follows inside the section does not help, for the abort may come between the two. What was pushed in front of the section is still there in the abort handler: it must be taken back on that way too.',
  kernels: 'All.',
  mend: 'Save registers before the section, or use others; restore them in the abort handler as well.',
  *section(context): Iterable<Report> {
    const { view, findings } = context;
    const { flow } = view;
    const { start, abort } = view.section;
    const sp = findings.code?.decoder.stackPointer;
    if (
      !view.abortRuns ||
      flow === undefined ||
      sp === undefined ||
      start === undefined ||
      abort === undefined
    )
      return;
    const original = flow.register(start, sp);
    if (original === undefined || !flow.reached(abort)) return;
    const live = has(flow.liveBefore(abort), sp);
    const changed = view.instructions.find(
      ({ address, writes }) =>
        live &&
        has(writes, sp) &&
        view.successorsInside(address).some((next) => flow.register(next, sp) !== flow.register(address, sp)),
    );
    if (changed === undefined) {
      yield* abortReturns(context, flow, sp);
      return;
    }
    yield {
      at: changed.address,
      message: `${findings.code!.decoder.registerName(sp)} changes inside the section: an abort behind this instruction leaves the stack out of balance`,
    };
  },
};

/**
 * The abort path returns with another stack pointer than the way through the section does: it forgets what was pushed in
 * front of the section. Only where both are known, and the other way returns as the function was entered.
 */
function* abortReturns({ view, place }: SectionContext, flow: Flow, sp: RegisterId): Iterable<Report> {
  const { start, end, abort } = view.section;
  if (start === undefined || end === undefined || abort === undefined || flow.range.from === 'guess') return;
  const enters = (at: Addr): boolean => at === start || view.isArming(at);
  const returns = (from: Addr): Addr[] =>
    [...flow.walk([from], enters).keys()].filter((at) => flow.code.at(at)?.flow === 'return');
  const entered = flow.register(flow.range.start, sp);
  const usual = returns(end);
  if (entered === undefined || usual.length === 0 || !usual.every((at) => flow.register(at, sp) === entered))
    return;
  for (const at of returns(abort)) {
    const value = flow.register(at, sp);
    const off = value && constantOf(flow.values.sub(value, entered));
    if (off === undefined || off === 0) continue;
    yield {
      at,
      message: `the abort path returns with the stack pointer ${Math.abs(off)} bytes ${off < 0 ? 'below' : 'above'} where it was when the function was entered: what was saved in front of the section is not taken back here`,
      related: [{ at: abort, message: `the abort handler: ${place(abort)}` }],
    };
    return;
  }
}
