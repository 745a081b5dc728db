import { fromBase64, toBase64 } from '../event/base64.js';
import { Digest } from '../event/digest.js';
import { ARCHITECTURES } from './options.js';
import type { Act } from './semantics/actor.js';
import type { Learned } from './semantics/knowledge.js';
import type { Reductions } from './semantics/machine-code.js';
import type { Telling } from './semantics/path.js';
import type { RecordedPoint } from './semantics/recorded-point.js';
import type { Settings } from './semantics/settings.js';
import type { TaskAct } from './semantics/story.js';
import type { Counterexample, ExploreDocument } from './timeline.js';

export const TRACE_SCHEMA = 'rseqlab.counterexample/1';

/** A counterexample as a file that `rseqlab replay` runs again: the program, what is done to its tasks, and what was seen. JSON, in one line. */
export interface CounterexampleTrace {
  readonly schema: typeof TRACE_SCHEMA;
  /** Of all that follows, as JSON.stringify writes it: Digest of src/event. */
  readonly digest: string;
  readonly path: string;
  /** The ELF file, base64. */
  readonly program: string;
  readonly settings: Omit<Settings, 'scenario'> & { readonly scenario: string };
  readonly learned: Learned;
  /** Of the search that found it. */
  readonly reductions: Pick<Reductions, 'registers'>;
  /** What happens, act by act: row n of the document's counterexample is what came of act n. */
  readonly acts: readonly TaskAct[];
  /** With one result, that of the counterexample. */
  readonly document: ExploreDocument;
}

/** A file that is no trace, or does not tell what can happen. `message` is one line. */
export class TraceError extends Error {}

/** With the digest that belongs to it. */
export function sealed(trace: Omit<CounterexampleTrace, 'digest'>): CounterexampleTrace {
  const { schema, ...rest } = trace;
  return { schema, digest: digestOf(rest), ...rest };
}

function digestOf(rest: object): string {
  const digest = new Digest();
  digest.bytes(new TextEncoder().encode(JSON.stringify(rest)));
  return digest.text();
}

/** A counterexample with all that it takes to see it again; `document` with that result only. */
export const traceOf = (
  path: string,
  program: Uint8Array,
  settings: Settings,
  { registers }: Pick<Reductions, 'registers'>,
  { learned, telling }: { readonly learned: Learned; readonly telling?: Pick<Telling, 'acts'> },
  document: ExploreDocument,
): CounterexampleTrace =>
  sealed({
    schema: TRACE_SCHEMA,
    path,
    program: toBase64(program),
    settings: { ...settings, scenario: document.results[0]!.scenario },
    learned,
    reductions: { registers },
    acts: telling!.acts,
    document,
  });

export const counterexampleOf = (trace: CounterexampleTrace): Counterexample =>
  trace.document.results[0]!.counterexample!;

/** The ELF file. */
export const programOf = (trace: CounterexampleTrace): Uint8Array => fromBase64(trace.program);

/** Does the file begin as a trace does? All else is for others to judge. */
export const isTrace = (bytes: Uint8Array): boolean => bytes[0] === 0x7b;

/** Throws TraceError where the text is no such trace. */
export function readTrace(text: string, name: string): CounterexampleTrace {
  const bad = (what: string): never => {
    throw new TraceError(
      `${name}: ${what}; give a file that rseqlab explore --trace or rseqlab run --record made`,
    );
  };
  let value: CounterexampleTrace;
  try {
    value = JSON.parse(text) as CounterexampleTrace;
  } catch {
    return bad('it is no JSON, or cut off');
  }
  if (value?.schema !== TRACE_SCHEMA) return bad(`its schema is not ${TRACE_SCHEMA}`);
  const { schema: _, digest, ...rest } = value;
  if (digest !== digestOf(rest)) return bad('it is not as it was written: its digest is another');
  const wrong = misshapen(value);
  return wrong === undefined ? value : bad(`${wrong} is none`);
}

const isNumber = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const areNumbers = (value: unknown): boolean => Array.isArray(value) && value.every(isNumber);

/** Which part is not what it should be. Texts and numbers inside the document are only shown. */
function misshapen({ path, program, settings, learned, reductions, acts, document }: CounterexampleTrace) {
  const { calls = [], scenario, kernel, debugRseq, arch, cpus, storeBuffer = 1, from } = settings ?? {};
  if (typeof path !== 'string' || typeof scenario !== 'string' || typeof kernel !== 'string') return 'a name';
  if (arch !== undefined && !ARCHITECTURES.includes(arch)) return 'an architecture';
  if (typeof debugRseq !== 'boolean' || typeof reductions?.registers !== 'boolean') return 'an option';
  if (!Array.isArray(calls) || !calls.every((call) => typeof call === 'string')) return 'a task';
  if (!isNumber(storeBuffer) || storeBuffer < 1) return 'the store buffer';
  if (from !== undefined && (typeof from !== 'object' || from === null || !isPoint(from))) return 'the start';
  if (!isNumber(cpus) || cpus < 1 || cpus > 16) return 'the number of CPUs';
  try {
    fromBase64(program);
  } catch {
    return 'the program';
  }
  const { cells, sections, entries, inspects, keepsStack } = learned ?? {};
  if (!areNumbers(cells) || !areNumbers(entries)) return 'an address';
  if (typeof inspects !== 'boolean' || typeof keepsStack !== 'boolean') return 'what was learned';
  if (!Array.isArray(sections) || !sections.every(({ start, end, abort }) => areNumbers([start, end, abort])))
    return 'a section';
  const result = document?.results?.[0];
  if (!Array.isArray(acts) || acts.length !== result?.counterexample?.rows?.length)
    return 'the number of acts';
  const row = (result.counterexample.rows as readonly unknown[]).findIndex(
    (each) => typeof each !== 'object' || each === null,
  );
  if (row >= 0) return `row ${row}`;
  const act = acts.findIndex((each) => !isNumber(each?.task) || !isAct(each.act));
  return act < 0 ? undefined : `act ${act}`;
}

function isPoint({ recording, event, clock, areas }: RecordedPoint): boolean {
  try {
    fromBase64(recording);
  } catch {
    return false;
  }
  return isNumber(event) && isNumber(clock) && Array.isArray(areas) && areas.every(areNumbers);
}

const KINDS: Readonly<Record<Act['kind'], readonly string[]>> = {
  execute: [],
  preempt: [],
  fence: [],
  flush: [],
  resume: ['cpu', 'cid'],
  signal: ['signal'],
};
const isAct = (act: Act | undefined): boolean =>
  Object.hasOwn(KINDS, act?.kind ?? '') &&
  KINDS[act!.kind].every((field) => isNumber((act as unknown as Record<string, unknown>)[field]));
