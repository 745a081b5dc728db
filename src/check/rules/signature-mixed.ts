import { hex } from '../../abi/address.js';
import type { CriticalSection } from '../../sections/section.js';
import type { Report, Rule } from '../rule.js';

export const signatureMixed: Rule = {
  id: 'signature-mixed',
  severity: 'error',
  summary: 'The sections of one file have different signatures in front of their abort handlers.',
  why: 'A thread registers rseq once, with one signature. Whichever it is, every section with another one kills the thread with SIGSEGV when it is aborted.',
  kernels: 'All.',
  mend: "Use one signature throughout: the architecture's RSEQ_SIG, which glibc registers.",
  descriptorOnly: true,
  *file({ findings, place }): Iterable<Report> {
    const bySignature = new Map<number, CriticalSection[]>();
    for (const section of findings.sections) {
      const { abort, signature } = section;
      if (abort === undefined || signature === undefined) continue;
      if (findings.image.regionAt(abort)?.executable !== true) continue;
      const same = bySignature.get(signature);
      if (same === undefined) bySignature.set(signature, [section]);
      else same.push(section);
    }
    if (bySignature.size < 2) return;
    const ranked = [...bySignature].sort(
      ([a, as], [b, bs]) =>
        Number(b === findings.signature) - Number(a === findings.signature) || bs.length - as.length,
    );
    const counts = ranked.map(([signature, sections]) => `${hex(signature)} (${sections.length})`).join(', ');
    const odd = ranked.slice(1).flatMap(([, sections]) => sections);
    yield {
      at: odd[0]?.abort,
      message: `${bySignature.size} signatures in one file: ${counts}; a thread can register only one`,
      related: odd.slice(1).map((section) => ({
        at: section.abort!,
        message: `another abort handler with ${hex(section.signature!)}: ${place(section.abort!)}`,
      })),
    };
  },
};
