import { hex } from '../../abi/address.js';
import type { Report, Rule } from '../rule.js';

export const descriptorWithoutCode: Rule = {
  id: 'descriptor-without-code',
  severity: 'error',
  summary:
    'A descriptor whose section is no code: discarded by the linker, not decodable, or cut through an instruction.',
  why: 'The linker removes unused functions (--gc-sections, COMDAT) but keeps a descriptor that is forced in, with zeros in place of its addresses; a wrong label gives a range that begins or ends within an instruction. What the kernel then protects is not what was meant.',
  kernels: 'All: no kernel looks at the code.',
  mend: 'Put the descriptor into the same section group as the function, and derive start_ip and the length from labels at instruction boundaries.',
  descriptorOnly: true,
  *section({ view }): Iterable<Report> {
    const { startIp, abortIp, postCommitOffset } = view.section.descriptor;
    if (startIp === 0n && abortIp === 0n) {
      yield {
        at: view.descriptorPlace,
        message: 'start_ip and abort_ip are 0: the linker has discarded the code of this section',
      };
      return;
    }
    if (view.instructions.length === 0) return;
    const unknown = view.instructions.find(({ flow }) => flow === 'unknown');
    if (unknown?.traits.has('reserved')) {
      yield {
        at: view.fieldPlace(8),
        message: `the bytes at ${hex(unknown.address - view.section.start!)} of the section are no instruction that is known: ${unknown.text}`,
        related: [{ at: unknown.address, message: 'these bytes' }],
      };
    } else if (view.startsInside) {
      yield { at: view.fieldPlace(8), message: 'start_ip lies in the middle of an instruction' };
    } else if (view.endsInside) {
      yield {
        at: view.fieldPlace(16),
        message: `the section ends in the middle of an instruction (post_commit_offset ${hex(postCommitOffset)})`,
      };
    }
  },
};
