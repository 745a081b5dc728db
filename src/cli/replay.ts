import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Recording, RecordingError, readRecording } from '../event/recording.js';
import { isTrace } from '../explore/trace.js';
import type { Kernel } from '../kernel/kernel.js';
import { type Divergence, type Observer, ReplayCheck, restart } from '../kernel/session.js';
import { processViews } from '../kernel/view.js';
import { reason } from '../node/reason.js';
import { VERSION } from '../node/version.js';
import { EVENT_COLUMNS, eventText, seconds } from '../report/event-text.js';
import { stateText } from '../report/run-state.js';
import { drive, QuietProgress } from './drive.js';
import { EXIT, UsageError } from './exit.js';
import { writeAll, writeStream } from './output.js';
import { replayTrace } from './replay-trace.js';
import { addShow, startProgram } from './run.js';
import { count, timeOf } from './run-options.js';
import { Showing, type ShowOptions } from './run-show.js';

interface Options extends ShowOptions {
  readonly at?: string;
  readonly until?: string;
  readonly list?: boolean;
  readonly step?: boolean;
  readonly color: boolean;
}

/** `rseqlab replay`; `finish` takes the exit status. */
export function addReplay(program: Command, finish: (status: number) => void): void {
  const command = program
    .command('replay')
    .description('run a recording, or a counterexample, again, to the bit: without the host, on any machine')
    .argument('<file>', 'made by rseqlab run --record, or by rseqlab explore --trace')
    .option('--list', 'print every event, or row, with its number, and not the output of the program')
    .option('--at <n>', 'stop at that event, or row, and print every thread: registers, instruction, section')
    .option('--until <time>', 'of a recording: the same at a time since boot (1.000012, 1500ms)')
    .option('--step', 'of a counterexample: step through it, forth and back, on a terminal')
    .option('--no-color', 'no colours');
  addShow(command)
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, options: Options) => finish(await replay(file, options)));
}

const EXAMPLES = `
Examples:
  rseqlab replay crash.rseq              output, explanation and exit status once more
  rseqlab replay --list crash.rseq       what happened, event by event
  rseqlab replay --at 4711 crash.rseq    registers, instructions and sections at that event; --at 4710 is one step back
  rseqlab replay --until 1.000250 --summary crash.rseq
  rseqlab replay bug.json                a counterexample once more, as explore printed it
  rseqlab replay --at 12 bug.json        registers, instructions, sections and memory behind row 12
  rseqlab replay --step bug.json         the same row by row

Exit status: that of the recorded run; 0 with --list, --at, --until, and of a counterexample; 1 the replay went another way; 2 wrong usage or input.`;

/** The replay has come to where it is to be looked at. */
class Arrived extends Error {}

async function replay(file: string, options: Options): Promise<number> {
  const bytes = read(file);
  return isTrace(bytes) ? replayTrace(file, bytes, options) : replayRecording(file, bytes, options);
}

async function replayRecording(file: string, bytes: Uint8Array, options: Options): Promise<number> {
  if (options.step) throw new UsageError('--step is for counterexamples; look at a recording with --at');
  const recording = load(file, bytes);
  const at = eventOf(options.at, recording);
  const quiet = options.list === true || at !== undefined || options.until !== undefined;
  const progress = new QuietProgress();
  const show = new Showing(options, recording.settings, recording.program, progress);
  const check = new ReplayCheck(recording);
  const output = (stream: 1 | 2, bytes: Uint8Array): void => {
    show.beforeOutput();
    surroundings.closed = !writeStream(stream, bytes) || surroundings.closed;
  };
  const surroundings = { wait: () => Promise.resolve(), closed: false };
  if (options.list) writeAll(`${EVENT_COLUMNS}\n`);
  try {
    const kernel = startProgram(() =>
      restart(recording, quiet ? () => {} : output, [
        () => check.observe,
        (started) => show.watch(started, (path) => fileOf(recording, path)),
        ...(options.list ? [(started: Kernel) => lister(started, show)] : []),
        ...(at === undefined ? [] : [(started: Kernel) => stopper(started, show, at)]),
      ]),
    );
    if (options.until !== undefined) kernel.horizon.clock = timeOf('--until', options.until);
    const { kind, instructions } = recording.end;
    const driven = await drive(kernel, surroundings, progress, {
      instructions: kind === 'interrupted' ? instructions : Number.POSITIVE_INFINITY,
      atInput: true,
    });
    if (options.until !== undefined && driven.end.kind === 'horizon') {
      writeAll(`time ${seconds(kernel.state.clock)}\n${stateText(processViews(kernel), show.places)}`);
      return EXIT.OK;
    }
    if (driven.interrupt !== undefined) return driven.exit;
    const divergence = check.finish();
    if (divergence !== undefined) return diverged(file, recording, divergence);
    if (options.until !== undefined)
      writeAll(`the run was over before that, at ${seconds(kernel.state.clock)}\n`);
    show.finish(kernel, driven);
    return quiet ? EXIT.OK : driven.exit;
  } catch (error) {
    if (!(error instanceof Arrived)) throw error;
    return check.divergence === undefined ? EXIT.OK : diverged(file, recording, check.divergence);
  } finally {
    show.close();
  }
}

function read(file: string): Uint8Array {
  try {
    const bytes = readFileSync(file);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    throw new UsageError(
      `cannot read ${file}: ${reason(error)}; give a file that rseqlab run --record or explore --trace made`,
    );
  }
}

function load(file: string, bytes: Uint8Array): Recording {
  try {
    return readRecording(bytes, file);
  } catch (error) {
    if (error instanceof RecordingError) throw new UsageError(error.message);
    throw error;
  }
}

function eventOf(asked: string | undefined, { events }: Recording): number | undefined {
  if (asked === undefined) return undefined;
  return count('--at', asked, 1, events.count);
}

const fileOf = ({ files }: Recording, path: string): Uint8Array | undefined => {
  const found = files.find((each) => each.path === path);
  return found?.kind === 'file' ? found.bytes : undefined;
};

const lister =
  (kernel: Kernel, show: Showing): Observer =>
  (event, n) =>
    writeAll(`${eventText(event, n, show.namer(kernel))}\n`);

const stopper =
  (kernel: Kernel, show: Showing, at: number): Observer =>
  (event, n) => {
    if (n !== at) return;
    const state = stateText(processViews(kernel), show.places);
    writeAll(`${EVENT_COLUMNS}\n${eventText(event, n, show.namer(kernel))}\n${state}`);
    throw new Arrived();
  };

function diverged(file: string, { version }: Recording, { from, to }: Divergence): number {
  const where = to - from === 1 ? `at event ${to}` : `at event ${to}, or after event ${from}`;
  const other = version === VERSION ? '' : `; it was made by rseqlab ${version}, and this is ${VERSION}`;
  writeStream(2, Buffer.from(`rseqlab: the replay of ${file} went another way ${where}${other}\n`));
  return EXIT.FOUND;
}
