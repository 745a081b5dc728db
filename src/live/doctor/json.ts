import { countOf, type DoctorDocument } from './document.js';

/** docs/doctor.md has the fields. */
export function doctorJson(document: DoctorDocument): string {
  const { version, kernel, rows, refused } = document;
  const counts = Object.fromEntries(
    (['kept', 'broken', 'skipped'] as const).map((status) => [status, countOf(document, status)]),
  );
  const json = {
    schema: 'rseqlab.doctor/1',
    question: 'kernel',
    version,
    kernel,
    refused: refused ?? null,
    counts,
    rows: rows.map((row) => ({
      ...row,
      observed: row.observed ?? null,
      reason: row.reason ?? null,
    })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
