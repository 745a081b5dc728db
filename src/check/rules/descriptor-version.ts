import type { Rule } from '../rule.js';

export const descriptorVersion: Rule = {
  id: 'descriptor-version',
  severity: 'error',
  summary: 'The version field of struct rseq_cs is not 0.',
  why: 'Only version 0 exists. The kernel refuses any other when it next looks at the descriptor: the thread gets SIGSEGV at the first preemption, migration or signal after the section was armed, with no word of explanation.',
  kernels:
    'Up to 6.18: SIGSEGV (rseq_get_rseq_cs, kernel/rseq.c). From 6.19 the field is not looked at unless rseq_debug is on: the same binary survives there and dies elsewhere.',
  mend: 'Set version to 0: the descriptor begins with `.long 0, 0`.',
  descriptorOnly: true,
  *section({ view, kernel }) {
    const { version } = view.section.descriptor;
    if (version === 0) return;
    const fate = kernel.checksVersion
      ? 'the first interruption of an armed section kills the thread with SIGSEGV'
      : `not looked at by Linux ${kernel.version} without rseq_debug; up to 6.18 it kills the thread with SIGSEGV`;
    yield {
      severity: kernel.checksVersion ? 'error' : 'warning',
      at: view.fieldPlace(0),
      message: `version is ${version}, must be 0: ${fate}`,
    };
  },
};
