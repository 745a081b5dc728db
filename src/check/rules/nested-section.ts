import { RseqArea } from '../../sections/area.js';
import type { Report, Rule, SectionContext } from '../rule.js';

export const nestedSection: Rule = {
  id: 'nested-section',
  severity: 'error',
  summary: 'The section lies within another one, or stores rseq_cs again.',
  why: 'A thread has one rseq_cs field: it is in one section at a time (rseq(2)). A second store inside the first section replaces it, so the rest of the outer one is no longer protected; overlapping ranges are protected by whichever was stored last.',
  kernels: 'All.',
  mend: 'Make one section of the two, or end the first before the second is armed.',
  *section(context): Iterable<Report> {
    yield* storesAgain(context);
    yield* overlaps(context);
  },
};

function* storesAgain({ view }: SectionContext): Iterable<Report> {
  for (const access of view.accesses) {
    const { touched, instruction } = access;
    if (!access.write || touched.kind !== 'rseq' || view.isArming(instruction.address)) continue;
    if (!RseqArea.meetsRseqCs(touched.offset, access.size)) continue;
    const other = view.findings.armings.some((store) => store.at === instruction.address);
    const what = other ? 'another descriptor is stored to rseq_cs' : 'rseq_cs is overwritten';
    yield {
      at: instruction.address,
      message: `${what} inside the section: from here on it is no longer protected`,
    };
  }
}

function* overlaps({ view, findings, place }: SectionContext): Iterable<Report> {
  const { start, end, descriptor } = view.section;
  if (start === undefined || end === undefined) return;
  for (const other of findings.sections) {
    if (other === view.section || other.start === undefined || other.end === undefined) continue;
    if (other.start >= end || other.end <= start) continue;
    // Each pair is told once, at the one that begins later; the same range twice is one section with two descriptors.
    const same = other.start === start && other.end === end;
    if (same || other.start > start || (other.start === start && other.end < end)) continue;
    if (view.accesses.length === 0 && view.instructions.length > 10_000) continue;
    yield {
      at: view.descriptorPlace ?? descriptor.address,
      message: `the range overlaps the section at ${place(other.start)}: a thread can be in one section only`,
      related: [{ at: other.start, message: `the other section, to ${place(other.end)}` }],
    };
  }
}
