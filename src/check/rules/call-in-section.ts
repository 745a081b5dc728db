import type { Report, Rule } from '../rule.js';

export const callInSection: Rule = {
  id: 'call-in-section',
  severity: 'error',
  summary: 'The section calls a function.',
  why: 'The called function lies outside [start_ip, start_ip + post_commit_offset). A thread that is interrupted there is not aborted: the kernel clears rseq_cs, and when the function returns the rest of the section runs unprotected. Measured: aborted 0 times of 5. Calls through a PLT and to __tls_get_addr are calls too.',
  kernels: 'All.',
  mend: 'Do what needs calls before the section, and keep the result in a register.',
  *section({ view, findings }): Iterable<Report> {
    for (const instruction of view.instructions) {
      if (instruction.flow !== 'call' && instruction.flow !== 'indirect-call') continue;
      if (instruction.target !== undefined && view.inside(instruction.target)) continue;
      const callee = findings.code?.calleeName(instruction);
      yield {
        at: instruction.address,
        message: `${callee === undefined ? 'a call' : `a call of ${callee}`} leaves the section: an interruption there clears rseq_cs, and the rest of the section runs unprotected`,
      };
    }
  },
};
