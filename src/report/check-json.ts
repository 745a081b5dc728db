import type { CheckResult, Finding } from '../check/check.js';
import { type CheckDocument, count } from './document.js';

/** `"schema": "rseqlab.check/1"`; described in docs/check.md. Addresses are strings. */
export function checkJson(document: CheckDocument): string {
  const value = {
    schema: 'rseqlab.check/1',
    version: document.version,
    kernel: document.kernel,
    debugRseq: document.debugRseq,
    summary: {
      files: document.looked,
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
    file: result.name,
    architecture: result.architecture ?? null,
    limits: result.limits,
    sections: result.sections,
    findings: result.findings.map(findingJson),
  };
}

function findingJson(finding: Finding) {
  return {
    rule: finding.rule,
    severity: finding.severity,
    message: finding.message,
    address: finding.place ?? null,
    function: finding.function ?? null,
    line: finding.line ?? null,
    section: finding.section ?? null,
    related: finding.related.map(({ place, line, message }) => ({
      address: place,
      line: line ?? null,
      message,
    })),
    kernels: finding.kernels,
    mend: finding.mend,
  };
}
