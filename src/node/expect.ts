import type { ExploreDocument, Verdict, ViolationAt } from '../explore/timeline.js';
import { verdictText } from '../report/explore-text.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { type ExploreFileOptions, explore } from './explore.js';

/** A verdict is another than the test expects. `message` holds it as text; the stack has one frame, that of the test. */
export class UnexpectedVerdict extends Error {
  override readonly name = 'UnexpectedVerdict';

  constructor(
    message: string,
    frame: string,
    /** All that was found out. */
    readonly document: ExploreDocument,
  ) {
    super(message);
    this.stack = `${this.name}: ${message}\n${frame}`;
  }
}

/** Which violation is expected: a part of its text, or what it matches; or its kind, text, or both. */
export type ExpectedViolation =
  | string
  | RegExp
  | { readonly kind?: ViolationAt['kind']; readonly text?: string | RegExp };

/**
 * Every scenario of the file, or the one asked for, is verified: else the promise is rejected with UnexpectedVerdict, also where a bound ended
 * the search. Throws ExploreError for what cannot be explored.
 */
export function expectVerified(
  file: string | URL | Uint8Array,
  options: ExploreFileOptions = {},
): Promise<ExploreDocument> {
  const frame = callerOf(expectVerified);
  return explore(file, options).then((document) => {
    const others = document.results.filter(({ verdict }) => verdict !== 'verified');
    if (others.length === 0) return document;
    throw new UnexpectedVerdict(
      told(`expected verified, found ${others.map(shortOf).join('; ')}`, document, others),
      frame,
      document,
    );
  });
}

/** The same for a test of a broken twin: one of the scenarios has a counterexample, and its violation is the expected one. */
export function expectCounterexample(
  file: string | URL | Uint8Array,
  options: ExploreFileOptions = {},
  expected?: ExpectedViolation,
): Promise<ExploreDocument> {
  const frame = callerOf(expectCounterexample);
  return explore(file, options).then((document) => {
    const { results } = document;
    if (results.some(({ counterexample }) => counterexample && fits(counterexample.violation, expected)))
      return document;
    const wanted = expected === undefined ? '' : ` with ${describe(expected)}`;
    throw new UnexpectedVerdict(
      told(`expected a counterexample${wanted}, found ${results.map(shortOf).join('; ')}`, document, results),
      frame,
      document,
    );
  });
}

/** `count: sum() == 2 does not hold`. */
function shortOf({ scenario, verdict, counterexample, bound }: Verdict): string {
  return `${scenario}: ${counterexample?.violation.text ?? (bound === undefined ? verdict : `${verdict}: ${bound.text}`)}`;
}

function told(head: string, { file }: ExploreDocument, verdicts: readonly Verdict[]): string {
  const style = wantsColour() ? COLOUR : PLAIN;
  const texts = verdicts.map((verdict) => verdictText(file, verdict, style, WIDTH).trimEnd());
  return [head, ...texts].join('\n\n');
}

/** Of the text, in columns: runners indent, and reports are read anywhere. */
const WIDTH = 110;

/** Runners say so to the processes in which tests run; none is a terminal. */
const wantsColour = (): boolean =>
  !['', '0', 'false', undefined].includes(process.env['FORCE_COLOR']) && !process.env['NO_COLOR'];

function fits({ kind, text }: ViolationAt, expected: ExpectedViolation | undefined): boolean {
  if (expected === undefined) return true;
  if (typeof expected === 'string') return text.includes(expected);
  if (expected instanceof RegExp) return expected.test(text);
  if (expected.kind !== undefined && expected.kind !== kind) return false;
  return expected.text === undefined || fits({ kind, text, row: 0 }, expected.text);
}

function describe(expected: ExpectedViolation): string {
  if (typeof expected === 'string') return JSON.stringify(expected);
  if (expected instanceof RegExp) return `${expected}`;
  return [expected.kind, expected.text === undefined ? undefined : describe(expected.text)]
    .filter((each) => each !== undefined)
    .join(', ');
}

/** The stack's line of whoever called this function. */
function callerOf(called: (...args: never[]) => unknown): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, called);
  return (holder.stack ?? '').split('\n').find((line) => line.startsWith('    at ')) ?? '';
}
