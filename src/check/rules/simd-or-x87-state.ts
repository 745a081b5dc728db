import { has, registersOf, VECTOR0 } from '../../isa/instruction.js';
import type { Report, Rule } from '../rule.js';

export const simdOrX87State: Rule = {
  id: 'simd-or-x87-state',
  severity: 'warning',
  summary: 'The section changes x87, MMX, vector or floating-point control state that survives an abort.',
  why: 'An abort does not undo what the section did to the floating-point unit. A value pushed on the x87 stack stays there, and after eight aborts the stack overflows and every result is a NaN; rounding modes stay changed; a vector register that is read behind the abort holds the old or the new value.',
  kernels: 'All.',
  mend: 'Use general registers inside sections. Vector registers that nothing behind the abort reads are safe on the kernel: suppress the rule there.',
  *section({ view, findings }): Iterable<Report> {
    const { flow } = view;
    const { abort } = view.section;
    const live = flow !== undefined && abort !== undefined ? flow.liveBefore(abort) : 0n;
    for (const instruction of view.instructions) {
      const at = instruction.address;
      if (instruction.traits.has('x87')) {
        yield {
          at,
          message:
            'x87 or MMX instruction inside the section: an abort leaves its stack as it is, and a retry pushes again',
        };
        return;
      }
      if (instruction.traits.has('control')) {
        yield {
          at,
          message: 'floating-point control state is changed inside the section: an abort leaves it changed',
        };
        return;
      }
      const written = [...registersOf(instruction.writes)].find(
        (register) => register >= VECTOR0 && has(live, register),
      );
      if (written !== undefined) {
        const name = findings.code!.decoder.registerName(written);
        yield {
          at,
          message: `${name} is changed inside the section and read after the abort: there it holds the old or the new value`,
        };
        return;
      }
      if (instruction.traits.has('simd')) {
        yield {
          at,
          message:
            'vector registers are used inside the section: an abort does not restore them, and tools that replay a section (DynamoRIO) restore general registers only',
        };
        return;
      }
    }
  },
};
