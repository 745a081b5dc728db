import type { Rule } from '../rule.js';

export const syscallLast: Rule = {
  id: 'syscall-last',
  severity: 'note',
  summary: 'The last instruction of the section is a system call: allowed, and it is the commit.',
  why: 'While the call runs the instruction pointer is behind it, outside the section, so the kernel neither aborts nor forbids it (regs->ip points behind the SYSCALL instruction). What was stored before it and the call are one unit against signals. One corner: a call that a signal interrupts and that is restarted (ERESTART*, SA_RESTART or SIGSTOP/SIGCONT) has its instruction pointer moved back onto the call, inside the section, and is aborted: the abort handler must know that the call may have slept.',
  kernels:
    'All; measured on 6.18. From 6.19 (longer registration) a restarted call without a handler is expected not to be aborted; not measured.',
  mend: 'Nothing to mend. Let the abort handler prepare the call afresh and make it again.',
  *section({ view }) {
    const call = view.lastSyscall;
    if (call === undefined) return;
    yield {
      at: call.address,
      message:
        'the section ends with a system call, which is its commit: allowed; a restarted call (ERESTART) is aborted and must be prepared afresh',
    };
  },
};
