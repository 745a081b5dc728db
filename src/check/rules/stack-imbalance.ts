import { has } from '../../isa/instruction.js';
import type { Report, Rule } from '../rule.js';

export const stackImbalance: Rule = {
  id: 'stack-imbalance',
  severity: 'error',
  summary: 'The stack pointer changes inside the section.',
  why: 'The kernel does not restore the stack pointer when it aborts a section. Behind a push inside the section an abort leaves it one word too low: the next ret takes its address from the wrong place, or the stack creeps with each retry. A pop that follows inside the section does not help, for the abort may come between the two.',
  kernels: 'All.',
  mend: 'Save registers before the section, or use others.',
  *section({ view, findings }): Iterable<Report> {
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
    if (original === undefined || !flow.reached(abort) || !has(flow.liveBefore(abort), sp)) return;
    const changed = view.instructions.find(
      ({ address, writes }) =>
        has(writes, sp) &&
        view.successorsInside(address).some((next) => flow.register(next, sp) !== flow.register(address, sp)),
    );
    if (changed === undefined) return;
    yield {
      at: changed.address,
      message: `${findings.code!.decoder.registerName(sp)} changes inside the section: an abort behind this instruction leaves the stack out of balance`,
    };
  },
};
