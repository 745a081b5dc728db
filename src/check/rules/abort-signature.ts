import { hex } from '../../abi/address.js';
import type { Rule } from '../rule.js';

export const abortSignature: Rule = {
  id: 'abort-signature',
  severity: 'error',
  summary: 'The four bytes in front of abort_ip are not the signature that rseq was registered with.',
  why: "So that a descriptor under an attacker's control cannot send a thread just anywhere, the kernel compares the u32 in front of abort_ip with the signature given at registration. Where they differ the thread gets SIGSEGV at the first interruption of an armed section.",
  kernels:
    'All. Up to 6.18 the kernel also prints "Possible attack attempt. Unexpected rseq signature" (rate limited); from 6.19 it says nothing.',
  mend: 'Put the signature right in front of the abort label. glibc registers RSEQ_SIG (x86: `.byte 0x0f, 0xb9, 0x3d; .long 0x53053053`, the label directly behind). If this program registers rseq by itself with another signature, give it with --signature.',
  descriptorOnly: true,
  *section({ view, findings }) {
    const { signature: expected } = findings;
    const { abort, signature } = view.section;
    if (expected === undefined || abort === undefined) return;
    if (findings.image.regionAt(abort)?.executable !== true || signature === expected) return;
    const found = signature === undefined ? 'is not readable' : `is ${hex(signature)}`;
    yield {
      at: abort,
      message: `the signature in front of the abort handler ${found}, expected ${hex(expected)}: an abort kills the thread with SIGSEGV`,
    };
  },
};
