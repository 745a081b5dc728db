import { readImage } from '../binary/read.js';
import { CodeReader } from '../machine/decode.js';
import type { Act } from './semantics/actor.js';
import { Knowledge } from './semantics/knowledge.js';
import type { AbortRange } from './semantics/liveness.js';
import { Names } from './semantics/names.js';
import { PrivateMemories } from './semantics/private-memory.js';
import { Story, type TaskAct } from './semantics/story.js';
import { type Settings, World } from './semantics/world.js';
import type { SourceLines } from './source.js';
import type { ExploreDocument, Row } from './timeline.js';

export const TRACE_SCHEMA = 'rseqlab.counterexample/1';

/** A counterexample as a file that `rseqlab replay` runs again: the program, what is done to its tasks, and what was seen. JSON. */
export interface CounterexampleTrace {
  readonly schema: typeof TRACE_SCHEMA;
  readonly path: string;
  /** The ELF file, base64. */
  readonly program: string;
  readonly settings: Omit<Settings, 'scenario'> & { readonly scenario: string };
  /** Words of memory that tasks share: address / 8. */
  readonly cells: readonly number[];
  readonly sections: readonly AbortRange[];
  /** Of the search that found it. */
  readonly reductions: { readonly registers: boolean };
  /** What happens, act by act: row n of the document's counterexample is what came of act n. */
  readonly acts: readonly TaskAct[];
  readonly document: ExploreDocument;
}

export class TraceError extends Error {}

/** Throws TraceError where the text is no such trace. */
export function readTrace(text: string, name: string): CounterexampleTrace {
  const bad = (what: string): never => {
    throw new TraceError(`${name}: ${what}; give a file that rseqlab explore --trace made`);
  };
  let value: CounterexampleTrace;
  try {
    value = JSON.parse(text) as CounterexampleTrace;
  } catch {
    return bad('no JSON');
  }
  if (value?.schema !== TRACE_SCHEMA) return bad(`its schema is not ${TRACE_SCHEMA}`);
  if (
    !Array.isArray(value.acts) ||
    !Array.isArray(value.cells) ||
    !Array.isArray(value.sections) ||
    typeof value.program !== 'string'
  )
    return bad('it is damaged');
  const rows = value.document?.results?.[0]?.counterexample?.rows;
  if (rows?.length !== value.acts.length) return bad('it is damaged: acts and rows differ in number');
  for (const { task, act } of value.acts)
    if (!isAct(act) || !Number.isInteger(task)) return bad('it is damaged: an act is none');
  return value;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let n = 0; n < 4; n++) text += n <= left ? DIGITS[(bits >> (18 - 6 * n)) & 63] : '=';
  }
  return text;
}

function fromBase64(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (const digit of text) {
    const value = DIGITS.indexOf(digit);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push((bits >> count) & 0xff);
  }
  return Uint8Array.from(bytes);
}

const KINDS: readonly string[] = ['execute', 'preempt', 'fence', 'resume', 'signal'] satisfies Act['kind'][];
const isAct = (act: Act | undefined): boolean => act !== undefined && KINDS.includes(act.kind);

/** Runs a trace again, row by row. */
export function* retell(trace: CounterexampleTrace, lines: SourceLines): Generator<Row> {
  const bytes = fromBase64(trace.program);
  const world = new World({ path: trace.path, bytes, arguments: [], environment: [] }, trace.settings);
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  knowledge.adopt(trace.cells, trace.sections);
  const names = new Names(world, readImage(bytes, trace.path, { ownPages: true }), lines);
  const story = new Story(world, knowledge, new PrivateMemories(), names, trace.reductions);
  for (const act of trace.acts) {
    if (story.tasks[act.task] === undefined) throw new TraceError(`there is no task ${act.task}`);
    yield story.tell(act).row;
  }
}

/** What is different between a row as it was and as it came again; undefined where nothing is. Names of source lines do not count. */
export function rowDifference(was: Row, is: Row): string | undefined {
  const plain = ({ source: _, ...row }: Row): string => JSON.stringify(row);
  return plain(was) === plain(is) ? undefined : `${plain(was)} came again as ${plain(is)}`;
}
