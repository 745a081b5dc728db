import type { Report, Rule } from '../rule.js';

export const syscallInSection: Rule = {
  id: 'syscall-in-section',
  severity: 'error',
  summary: 'The section makes a system call before its last instruction.',
  why: 'A system call inside a section may block, and a thread that blocks is preempted: the call has had its effect, then the section is aborted and makes it again. Where it does not block the section completes, so tests rarely see it. With CONFIG_DEBUG_RSEQ (or rseq_debug from 6.19) the kernel kills the thread instead.',
  kernels:
    'Up to 6.18: SIGSEGV with CONFIG_DEBUG_RSEQ (rseq_syscall, kernel/rseq.c), otherwise unnoticed. From 6.19: SIGSEGV with rseq_debug on.',
  mend: 'Move the call out of the section, or make it the very last instruction, with post_commit_offset ending right behind it (see syscall-last).',
  *section({ view, kernel }): Iterable<Report> {
    for (const instruction of view.instructions) {
      if (instruction.flow !== 'syscall' || instruction === view.lastSyscall) continue;
      const fate =
        kernel.syscallInSection === 'kill'
          ? 'this kernel kills the thread with SIGSEGV'
          : 'where it blocks it is made again after the abort; a kernel with rseq debugging kills the thread with SIGSEGV';
      yield { at: instruction.address, message: `system call inside the section: ${fate}` };
    }
  },
};
