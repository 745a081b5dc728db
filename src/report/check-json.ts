import { hex } from '../abi/address.js';
import type { CheckResult, Finding } from '../check/check.js';
import type { CriticalSection } from '../sections/section.js';
import { type CheckDocument, count } from './document.js';

/** `"schema": "rseqlab.check/1"`; described in docs/check.md. Addresses are strings. */
export function checkJson(document: CheckDocument): string {
  const value = {
    schema: 'rseqlab.check/1',
    version: document.version,
    kernel: document.kernel,
    debugRseq: document.debugRseq,
    summary: {
      files: document.results.length,
      sections: document.results.reduce((sum, { sections }) => sum + sections.length, 0),
      errors: count(document, 'error'),
      warnings: count(document, 'warning'),
      notes: count(document, 'note'),
    },
    files: document.results.map(fileJson),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

function fileJson(result: CheckResult) {
  return {
    file: result.image.name,
    architecture: result.image.header.architecture ?? null,
    limits: result.limits,
    sections: result.sections.map((section) => sectionJson(result, section)),
    findings: result.findings.map((finding) => findingJson(result, finding)),
  };
}

/** One section; also what `rseqlab sections` prints. */
export function sectionJson({ image }: Pick<CheckResult, 'image'>, section: CriticalSection) {
  const { descriptor, start, end, abort } = section;
  const place = (at: typeof start, raw: bigint): string =>
    at === undefined || image.regionAt(at) === undefined ? hex(raw) : image.place(at);
  return {
    descriptor: descriptor.address === undefined ? null : image.place(descriptor.address),
    foundBy: section.foundBy,
    function: section.function ?? null,
    version: descriptor.version,
    flags: descriptor.flags,
    startIp: place(start, descriptor.startIp),
    postCommitOffset: hex(descriptor.postCommitOffset),
    end: end === undefined ? null : image.place(end),
    abortIp: place(abort, descriptor.abortIp),
    signature: section.signature === undefined ? null : hex(section.signature),
    exitPoints: section.exitPoints.map((at) => image.place(at)),
    armedAt: section.armings.map(({ at }) => image.place(at)),
    line: start === undefined ? null : (image.lineAt(start) ?? null),
  };
}

function findingJson(_result: CheckResult, finding: Finding) {
  return {
    rule: finding.rule,
    severity: finding.severity,
    message: finding.message,
    address: finding.place ?? null,
    function: finding.function ?? null,
    line: finding.line ?? null,
    section: finding.section?.start === undefined ? null : hex(finding.section.descriptor.startIp),
    related: finding.related.map(({ place, line, message }) => ({
      address: place,
      line: line ?? null,
      message,
    })),
    kernels: finding.kernels,
    mend: finding.mend,
  };
}
