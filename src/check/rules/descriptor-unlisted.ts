import { asAddr, hex } from '../../abi/address.js';
import { type CriticalSection, sameCode } from '../../sections/section.js';
import type { Report, Rule } from '../rule.js';

export const descriptorUnlisted: Rule = {
  id: 'descriptor-unlisted',
  severity: 'warning',
  summary:
    'A descriptor is not listed in __rseq_cs_ptr_array, or the array lists something that is no descriptor.',
  why: "Debuggers, DynamoRIO, rr and tcmalloc's own self-test find sections through __rseq_cs_ptr_array. A section that is not listed cannot be stepped over, instrumented or checked by them; one listed twice is counted twice.",
  kernels: 'No kernel reads the array; it is a convention of librseq and the kernel selftests.',
  mend: 'Behind each descriptor: `.pushsection __rseq_cs_ptr_array, "aw"; .quad <descriptor>; .popsection`.',
  descriptorOnly: true,
  *section({ view, findings }) {
    const { address } = view.section.descriptor;
    // Section names are gone: whether it was listed cannot be told.
    if (address === undefined || findings.image.sections.length === 0) return;
    if (view.section.foundBy.includes('ptr-array')) {
      if (!view.section.foundBy.includes('cs-section')) {
        yield {
          at: address,
          message:
            '__rseq_cs_ptr_array lists this descriptor, but it does not lie in a section named __rseq_cs: tools that read that section miss it',
        };
      }
      return;
    }
    // librseq on arm and mips keeps a second descriptor among the code, within reach of its adr: the listed one speaks for both.
    const { start, descriptor } = view.section;
    if (
      start !== undefined &&
      findings.sections.some((each) => isListed(each) && sameCode(each.descriptor, descriptor))
    )
      return;
    yield {
      at: address,
      message:
        'this descriptor is not listed in __rseq_cs_ptr_array: debuggers and instrumentation tools will not know the section',
    };
  },
  *file({ findings }): Iterable<Report> {
    const seen = new Set<bigint>();
    for (const { slot, address } of findings.pointerArray) {
      const at = asAddr(address);
      const known = findings.sections.some((section) => section.descriptor.address === at);
      if (at === undefined || !known)
        yield { at: slot, message: `__rseq_cs_ptr_array lists ${hex(address)}, where no descriptor is` };
      else if (seen.has(address))
        yield { at: slot, message: `__rseq_cs_ptr_array lists the descriptor ${hex(address)} twice` };
      seen.add(address);
    }
  },
};

const isListed = ({ foundBy }: CriticalSection): boolean => foundBy.includes('ptr-array');
