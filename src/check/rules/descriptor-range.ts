import { hex } from '../../abi/address.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import { isExecutable } from '../../sections/tables.js';
import type { Report, Rule } from '../rule.js';

export const descriptorRange: Rule = {
  id: 'descriptor-range',
  severity: 'error',
  summary: 'The range of a section is empty, wraps around, or does not lie in executable code.',
  why: 'The kernel aborts a thread whose instruction pointer lies in [start_ip, start_ip + post_commit_offset). An empty range protects nothing; one that wraps or leaves user space is refused with SIGSEGV; one outside code never matches.',
  kernels:
    'Up to 6.18: start_ip, the end or abort_ip at or above TASK_SIZE, or a sum that wraps, kill with SIGSEGV (rseq_get_rseq_cs). From 6.19 only abort_ip is checked, unless rseq_debug is on. An empty range is accepted everywhere.',
  mend: 'start_ip is the first instruction of the section; post_commit_offset is the distance from there to the instruction behind the commit: `.quad 1f, 2f - 1f, 4f`.',
  descriptorOnly: true,
  *section({ view, findings, kernel }): Iterable<Report> {
    const { startIp, postCommitOffset, abortIp } = view.section.descriptor;
    // All zero: discarded code, for descriptor-without-code to tell.
    if (startIp === 0n && abortIp === 0n) return;
    const limit = TASK_SIZE[findings.image.header.architecture ?? 'x86-64'].largest;
    const end = startIp + postCommitOffset;
    const refused = kernel.checksWrap
      ? 'the kernel refuses it with SIGSEGV'
      : `Linux ${kernel.version} does not check it without rseq_debug, and aborts wherever the range happens to match`;
    if (postCommitOffset === 0n) {
      yield {
        at: view.fieldPlace(16),
        message: 'post_commit_offset is 0: the section is empty and protects nothing',
      };
    } else if (end >= 1n << 64n) {
      yield {
        at: view.fieldPlace(16),
        message: `start_ip + post_commit_offset (${hex(postCommitOffset)}) wraps around: ${refused}`,
      };
    } else if (startIp >= limit || end >= limit) {
      yield {
        at: view.fieldPlace(startIp >= limit ? 8 : 16),
        message: `the range [${hex(startIp)}, ${hex(end)}) leaves user space: ${refused}`,
      };
    } else if (!isExecutable(findings.image, startIp)) {
      yield {
        at: view.fieldPlace(8),
        message: `start_ip ${hex(startIp)} is not in executable code: the section can never be entered`,
      };
    } else if (!isExecutable(findings.image, end - 1n)) {
      yield { at: view.fieldPlace(16), message: `the section ends at ${hex(end)}, outside executable code` };
    }
    if (abortIp >= limit) {
      yield {
        at: view.fieldPlace(24),
        message: `abort_ip ${hex(abortIp)} is not in user space: the kernel refuses it with SIGSEGV`,
      };
    } else if (abortIp !== 0n && !isExecutable(findings.image, abortIp)) {
      yield {
        at: view.fieldPlace(24),
        message: `abort_ip ${hex(abortIp)} is not in executable code: an abort ends in SIGSEGV`,
      };
    }
  },
};
