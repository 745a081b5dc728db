import type { Rule } from '../rule.js';

export const abortInsideSection: Rule = {
  id: 'abort-inside-section',
  severity: 'error',
  summary: 'abort_ip lies inside the section itself.',
  why: 'The kernel moves an interrupted thread to abort_ip. If that is inside the section the thread goes on in the middle of it, unprotected (rseq_cs has been cleared), with whatever its registers hold.',
  kernels:
    'Up to 6.18: refused with SIGSEGV at the first interruption (rseq_get_rseq_cs). From 6.19 it is not checked unless rseq_debug is on: the section is resumed in the middle.',
  mend: 'Put the abort handler outside [start_ip, start_ip + post_commit_offset), best in a section of its own (__rseq_failure).',
  descriptorOnly: true,
  *section({ view, kernel }) {
    const { startIp, postCommitOffset, abortIp } = view.section.descriptor;
    // All zero: discarded code, for descriptor-without-code to tell.
    if (startIp === 0n && abortIp === 0n) return;
    // The kernel's own comparison, with its unsigned wrap-around.
    const distance = BigInt.asUintN(64, abortIp - startIp);
    if (postCommitOffset === 0n || distance >= postCommitOffset) return;
    // A range that wraps holds everything; descriptor-range tells of that.
    if (startIp + postCommitOffset >= 1n << 63n) return;
    const fate = kernel.checksAbortInside
      ? 'the first interruption kills the thread with SIGSEGV'
      : `Linux ${kernel.version} does not check it without rseq_debug: the thread goes on in the middle of the section, unprotected`;
    yield {
      at: view.fieldPlace(24),
      message: `abort_ip is ${distance} bytes behind start_ip, inside the section: ${fate}`,
    };
  },
};
