import { differenceIn, Retelling } from '../explore/retelling.js';
import { type CounterexampleTrace, counterexampleOf, readTrace, TraceError } from '../explore/trace.js';
import { sourceLines } from '../node/source-lines.js';
import { VERSION } from '../node/version.js';
import { listText, momentText } from '../report/explore-moment.js';
import { exploreText } from '../report/explore-text.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { EXIT, UsageError } from './exit.js';
import { wantsColour, writeAll, writeStream } from './output.js';
import { count } from './run-options.js';
import { stepThrough } from './step-through.js';

interface Options {
  readonly at?: string;
  readonly list?: boolean;
  readonly step?: boolean;
  readonly until?: string;
  readonly trace?: string;
  readonly summary?: boolean;
  readonly format?: string;
  readonly output?: string;
  readonly color: boolean;
}

/** Of recordings only: a counterexample has rows, and no time. */
const FOREIGN = ['until', 'trace', 'summary', 'format', 'output'] as const;

/** `rseqlab replay` of what `explore --trace` made; returns the exit status. */
export async function replayTrace(file: string, bytes: Uint8Array, options: Options): Promise<number> {
  const foreign = FOREIGN.find((name) => options[name] !== undefined && options[name] !== false);
  if (foreign !== undefined)
    throw new UsageError(
      `--${foreign} is for recordings of run; a counterexample takes --list, --at, --step`,
    );
  try {
    const trace = readTrace(new TextDecoder().decode(bytes), file);
    const lines = sourceLines(trace.path);
    const verdict = trace.document.results[0]!;
    const at = rowOf(options.at, trace);
    const telling = new Retelling(trace, lines);
    const difference = differenceIn(trace, telling);
    if (difference !== undefined) {
      const { version } = trace.document;
      const other = version === VERSION ? '' : `; it was made by rseqlab ${version}, and this is ${VERSION}`;
      const text = `rseqlab: the replay of ${file} went another way at row ${difference.row}: ${difference.text}${other}\n`;
      writeStream(2, Buffer.from(text));
      return EXIT.FOUND;
    }
    const style = wantsColour(options.color, undefined) ? COLOUR : PLAIN;
    if (options.step) return await stepThrough(verdict, telling, style);
    if (options.list) writeAll(listText(verdict));
    else if (at !== undefined) {
      telling.goTo(at);
      writeAll(momentText(verdict, telling.moment(), style));
    } else writeAll(exploreText(trace.document, style, process.stdout.columns));
    return EXIT.OK;
  } catch (error) {
    if (error instanceof TraceError) throw new UsageError(error.message);
    throw error;
  }
}

function rowOf(asked: string | undefined, trace: CounterexampleTrace): number | undefined {
  return asked === undefined
    ? undefined
    : count('--at', asked, 0, Math.max(0, counterexampleOf(trace).rows.length - 1));
}
