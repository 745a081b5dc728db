import type { Rule } from '../rule.js';

/** The alignment of struct rseq_cs, in bytes (include/uapi/linux/rseq.h: aligned(4 * sizeof(__u64))). */
const ALIGNMENT = 32;

export const descriptorAlignment: Rule = {
  id: 'descriptor-alignment',
  severity: 'error',
  summary: 'A descriptor is not aligned to 32 bytes.',
  why: 'struct rseq_cs is declared with an alignment of 32 bytes, so that it lies in one cache line and its fields can be read as a compiler expects. The kernel copies it wherever it lies, but tools and libraries that walk __rseq_cs as an array of descriptors read garbage from there on.',
  kernels: 'No kernel checks it. It is a requirement of the UAPI header.',
  mend: 'Write `.balign 32` in front of the descriptor, and give the __rseq_cs section an alignment of 32.',
  descriptorOnly: true,
  *section({ view, findings }) {
    const { address } = view.section.descriptor;
    if (address === undefined) return;
    const section = findings.image.sectionAt(address);
    // In a relocatable file the address is ours; what counts is the place in its section and the section's own alignment.
    const relocatable = findings.image.header.type === 'relocatable' && section?.address !== undefined;
    const offset = relocatable ? address - section.address! : address;
    if (offset % ALIGNMENT !== 0) {
      yield {
        at: address,
        message: `descriptor at offset ${offset % ALIGNMENT} of a ${ALIGNMENT}-byte unit; struct rseq_cs must be aligned to ${ALIGNMENT}`,
      };
    } else if (relocatable && section.align < ALIGNMENT) {
      yield {
        at: address,
        message: `section ${section.name} is aligned to ${section.align}; struct rseq_cs must be aligned to ${ALIGNMENT}, and the linker may place it anywhere`,
      };
    }
  },
};
