import { plural } from '../../report/document.js';
import type {
  ProgramEnd,
  StressDocument,
  StressFailure,
  StressSection,
  StressVerdict,
} from '../../report/stress-document.js';
import type { Run, StressOptions } from './options.js';

/** What went wrong in a run; undefined: nothing. */
export function judge(
  options: Pick<StressOptions, 'expectStatus'>,
  { end, result }: Pick<Run, 'end'> & { readonly result: { readonly sections: readonly StressSection[] } },
): StressFailure['kind'] | undefined {
  if (end.signal !== undefined) return 'signal';
  if (end.status !== undefined && end.status !== options.expectStatus) return 'status';
  if (end.verify !== undefined && end.verify !== 0) return 'verify';
  return unprotectedOf(result.sections) > 0 ? 'unprotected' : undefined;
}

const unprotectedOf = (sections: readonly StressSection[]): number =>
  sections.flatMap(({ points }) => points).reduce((sum, { unprotected }) => sum + unprotected, 0);

export function sentenceOf(
  options: StressOptions,
  verdict: StressVerdict,
  {
    end,
    coverage,
    sections,
    failure,
    broken,
  }: Pick<StressDocument, 'coverage' | 'sections'> & {
    readonly end: ProgramEnd;
    readonly failure: StressFailure | undefined;
    readonly broken: boolean;
  },
): string {
  const what = options.command?.[0] ?? `process ${options.pid}`;
  const covered = `aborted at ${coverage.forced} of ${plural(coverage.points, 'instruction')} of the sections it entered`;
  switch (verdict) {
    case 'failed':
      return {
        signal: `${what} was killed by ${end.signal}, ${covered}`,
        status: `${what} ended with status ${end.status}, ${covered}`,
        verify: `what verifies ${what} ended with status ${end.verify}, after ${what} was ${covered}`,
        unprotected: `${what} ran through a section unprotected: ${plural(unprotectedOf(sections), 'time')} rseq_cs did not name the section that a thread was in`,
      }[failure!.kind];
    case 'uncovered':
      return `${what} did nothing wrong, but was ${covered}: ${coverage.percent} % of the ${options.minCoverage} % asked for`;
    case 'inconclusive':
      if (broken) return `broken off: ${what} was ${covered}`;
      return sections.length === 0
        ? `${what} has no sections: nothing to abort`
        : `${what} was met in none of its ${plural(sections.length, 'section')}: nothing to abort`;
    default:
      return `${what} did nothing wrong, ${covered}`;
  }
}
