import { hex } from '../../abi/address.js';
import type { Report, Rule } from '../rule.js';

/** RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT, _SIGNAL, _MIGRATE (include/uapi/linux/rseq.h). */
const NO_RESTART = 0x7;

export const descriptorFlags: Rule = {
  id: 'descriptor-flags',
  severity: 'error',
  summary: 'The flags field of struct rseq_cs is not 0.',
  why: 'The NO_RESTART_ON_* flags once asked the kernel not to abort a section. Since 6.0 they are not ignored, as one might think, but refused: the thread gets SIGSEGV the first time it is interrupted inside the section. Other bits never meant anything.',
  kernels:
    '4.18-5.19: NO_RESTART flags honoured. 6.0-6.18: any flag kills with SIGSEGV when the section is interrupted (rseq_need_restart; measured on 6.18). From 6.19 the field is not looked at unless rseq_debug is on.',
  mend: 'Set flags to 0 and let the abort handler restart the section.',
  descriptorOnly: true,
  *section({ view, kernel }): Iterable<Report> {
    const { flags } = view.section.descriptor;
    if (flags === 0) return;
    const what =
      (flags & ~NO_RESTART) === 0
        ? `flags are ${hex(flags)} (NO_RESTART_ON_*)`
        : `flags are ${hex(flags)}, unknown to any kernel`;
    const at = view.fieldPlace(4);
    switch (kernel.noRestartFlags) {
      case 'kill':
        yield {
          at,
          message: `${what}: the first interruption inside the section kills the thread with SIGSEGV`,
        };
        return;
      case 'honoured':
        yield {
          severity: 'warning',
          at,
          message: `${what}: honoured by Linux ${kernel.version}, but 6.0 to 6.18 kill the thread with SIGSEGV`,
        };
        return;
      default:
        yield {
          severity: 'note',
          at,
          message: `${what}: not looked at by Linux ${kernel.version} without rseq_debug; 6.0 to 6.18 kill the thread with SIGSEGV`,
        };
    }
  },
};
