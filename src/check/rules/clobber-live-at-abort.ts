import type { Addr } from '../../abi/address.js';
import { has, type RegisterId } from '../../isa/instruction.js';
import { type Flow, writesRegister } from '../../sections/flow.js';
import { GENERAL_REGISTERS } from '../../sections/state.js';
import { useOf } from '../../sections/uses.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const clobberLiveAtAbort: Rule = {
  id: 'clobber-live-at-abort',
  severity: 'error',
  summary: 'A register, or a variable on the stack, that the section changes is read behind the abort.',
  why: 'The kernel restores nothing when it aborts a section: the abort handler sees the registers as they stood at the interrupted instruction. A register that the section overwrites and the abort path reads (an argument of the operation, used again by the retry) holds the old or the new value, depending on where the interruption hit. So does a variable on the stack that the section counts up or down.',
  kernels: 'All.',
  mend: 'Work on a copy of the register, or set it again on the abort path. In inline assembly name it as a clobber.',
  *section(context): Iterable<Report> {
    const { view, findings, place } = context;
    const { flow } = view;
    const { start, abort } = view.section;
    const decoder = findings.code?.decoder;
    if (
      !view.abortRuns ||
      flow === undefined ||
      decoder === undefined ||
      start === undefined ||
      abort === undefined
    )
      return;
    if (!flow.reached(start) || !flow.reached(abort)) return;
    const live = flow.liveBefore(abort);
    for (let register = 0; register < GENERAL_REGISTERS; register++) {
      if (register === decoder.stackPointer || !has(live, register)) continue;
      const at = changedWhileInside(context, register);
      const reader = at && useOf(flow, abort, register);
      if (at === undefined || reader === undefined) continue;
      yield {
        at,
        message: `${decoder.registerName(register)} is changed inside the section and read after the abort: there it holds the old or the new value, by where the interruption hit`,
        related: [{ at: reader, message: `read after the abort: ${place(reader)}` }],
      };
    }
    yield* changedSlots(context, flow);
  },
};

/** Variables on the stack that the section reads and then changes: a retry reads the changed one. */
function* changedSlots({ view, place }: SectionContext, flow: Flow): Iterable<Report> {
  const { start, abort } = view.section;
  if (start === undefined || abort === undefined || view.section.armings.length === 0) return;
  const told = new Set<string>();
  for (const store of view.accesses) {
    const at = store.instruction.address;
    const { key } = store.address;
    if (!store.write || store.touched.kind !== 'stack' || view.successorsInside(at).length === 0) continue;
    if (told.has(key) || !view.accesses.some((access) => access.read && access.address.key === key)) continue;
    told.add(key);
    const touches = (place: Addr, how: 'read' | 'write'): boolean =>
      flow.accesses(place).some((access) => access[how] && access.address.key === key);
    // First read, then written: from start_ip, and again from the abort handler.
    const overwritten = (place: Addr): boolean => touches(place, 'write') && !touches(place, 'read');
    const reader = [...flow.walk([start], (place) => !view.inside(place) || overwritten(place)).keys()].find(
      (place) =>
        view.inside(place) && touches(place, 'read') && (place === at || view.reachableInside(place).has(at)),
    );
    if (reader === undefined || !flow.walk([abort], overwritten).has(reader)) continue;
    yield {
      at,
      message:
        'a variable on the stack is changed inside the section, and the retry behind the abort reads it again: there it holds the old or the new value, by where the interruption hit',
      related: [{ at: reader, message: `read here: ${place(reader)}` }],
    };
    return;
  }
}

/** The instruction behind which, still inside, the register holds something else than at start_ip. */
function changedWhileInside({ view }: SectionContext, register: RegisterId): Addr | undefined {
  const flow = view.flow!;
  const original = flow.register(view.section.start!, register);
  const writer = view.instructions.find(
    (instruction) =>
      writesRegister(instruction, register) &&
      view.successorsInside(instruction.address).some((next) => flow.register(next, register) !== original),
  );
  return writer?.address;
}
