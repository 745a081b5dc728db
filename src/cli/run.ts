import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { ImageError } from '../checkpoint/codec.js';
import type { RecordedProgram } from '../event/recording.js';
import { writeRecording } from '../event/recording.js';
import { ProgramError } from '../kernel/program-error.js';
import { RecordingHost } from '../kernel/recorded-host.js';
import { EventNotes, recordingOf, start } from '../kernel/session.js';
import { type ImageProgram, imageProgram } from '../node/image-program.js';
import { reason } from '../node/reason.js';
import { VERSION } from '../node/version.js';
import { drive, QuietProgress } from './drive.js';
import { UsageError } from './exit.js';
import { guestPath, LiveHost, toBytes } from './live-host.js';
import { deliver } from './output.js';
import { addSettings, environmentOf, type SettingOptions, settingsOf } from './run-options.js';
import { Showing, type ShowOptions } from './run-show.js';

export interface RunOptions extends SettingOptions, ShowOptions {
  readonly record?: string;
  readonly allowRead?: string[];
  readonly env?: string[];
}

const several = (value: string, before: string[] = []): string[] => [...before, value];

/** `rseqlab run`; `finish` takes the exit status. */
export function addRun(program: Command, finish: (status: number) => void): void {
  const command = program
    .command('run')
    .description('run a static Linux program on the simulated machine, deterministically')
    .argument(
      '<file>',
      'a static executable for Linux on x86-64 or AArch64, or an image that rseqlab checkpoint has written',
    )
    .argument('[args...]', 'its arguments: whatever stands behind the file is for the program');
  addSettings(command);
  addRecord(addShow(command))
    .option('--env <name=value>', "a variable for the program's environment; may be repeated", several)
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (file: string, args: string[], options: RunOptions) =>
      finish(await run(file, args, options)),
    );
}

/** Options about what is shown, of run and replay. */
export const addShow = (command: Command): Command =>
  command
    .option('--trace <file>', 'write every event, - for standard error; JSON Lines to a .json or .jsonl')
    .option('--summary', 'afterwards, what has happened, on standard error')
    .addOption(new Option('--format <format>', 'of the trace and the summary').choices(['text', 'json']))
    .option('-o, --output <file>', 'write the summary there');

/** Options about what goes in and is kept, of run and restore --simulated. */
export const addRecord = (command: Command): Command =>
  command
    .option('--record <file>', 'write a recording, for rseqlab replay')
    .option('--allow-read <path>', 'a file or folder that the program may read; may be repeated', several);

const EXAMPLES = `
Examples:
  rseqlab run ./program one two                       its output and exit status are the program's
  rseqlab run --seed 7 --cpus 4 --summary ./program   another schedule; aborts by section and cause
  rseqlab run --kernel 7.1 --debug-rseq ./program     by other rules
  rseqlab run --trace trace.jsonl ./program           every event
  rseqlab run --record crash.rseq ./program           for rseqlab replay crash.rseq
  rseqlab run --allow-read data --env TZ=UTC ./program data/in.txt
  rseqlab run server.img                              what rseqlab checkpoint has frozen goes on in the simulated machine

The program must be linked statically: gcc -static program.c. It sees no file but those of --allow-read, no network, and none of
your environment. Folder / is where you are: data/in.txt is /data/in.txt.

Exit status: the program's own; 128 + N where signal N ended it; 2 wrong usage or input; 3 --max-instructions, or all
threads wait for ever; 130 after Ctrl-C.`;

export async function run(path: string, args: readonly string[], options: RunOptions): Promise<number> {
  const settings = settingsOf(options);
  const given = programOf(path, args, options.env ?? []);
  const image = imageAt(path, given.bytes);
  if (image !== undefined && (args.length > 0 || options.env !== undefined || options.pid !== undefined))
    throw new UsageError(
      `${path} is the image of a process, which goes on with the arguments, the environment and the number that it has; give none, and options in front of it`,
    );
  const program = image === undefined ? given : { ...given, bytes: image.bytes };
  if (options.record !== undefined) mustBeWritable(options.record);
  const progress = new QuietProgress();
  const show = new Showing(options, settings, program, progress);
  const live = new LiveHost(
    { guest: guestPath(path), bytes: program.bytes },
    [...(options.allowRead ?? []), ...(image?.files ?? [])],
    show.beforeOutput,
  );
  const recorder = options.record === undefined ? undefined : new RecordingHost(live);
  const host = recorder ?? live;
  const notes = new EventNotes();
  try {
    const kernel = startProgram(() =>
      start(settings, program, host, [
        ...(recorder === undefined ? [] : [() => notes.observe]),
        (started) => show.watch(started, (name) => host.file(name)),
      ]),
    );
    const driven = await drive(
      kernel,
      {
        wait: () => {
          show.flush();
          return live.input.wait();
        },
        get closed() {
          return live.closed;
        },
      },
      progress,
    );
    if (recorder !== undefined) {
      const recording = recordingOf(VERSION, settings, program, recorder, notes, driven.end);
      deliver(writeRecording(recording), options.record, '--record');
    }
    show.finish(kernel, driven);
    return driven.exit;
  } finally {
    live.input.close();
    show.close();
  }
}

function imageAt(path: string, bytes: Uint8Array): ImageProgram | undefined {
  try {
    return imageProgram(path, bytes);
  } catch (error) {
    if (error instanceof ImageError) throw new UsageError(error.message);
    throw error;
  }
}

/** A file that cannot be run, or a recording with settings that are none, is not our mistake. */
export function startProgram<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof ProgramError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/** Largest program that is read, in bytes. */
const LARGEST = 2 ** 31 - 1;

function programOf(path: string, args: readonly string[], env: readonly string[]): RecordedProgram {
  const environment = environmentOf(env).map(toBytes);
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new UsageError(`${path} is a directory; give a static executable`);
    if (!stat.isFile() || stat.size > LARGEST)
      throw new UsageError(`${path} is no regular file, or too large; give a static executable`);
    const { buffer, byteOffset, length } = readFileSync(path);
    return {
      path: toBytes(path),
      arguments: [path, ...args].map(toBytes),
      environment,
      bytes: new Uint8Array(buffer, byteOffset, length),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot read ${path}: ${reason(error)}; give a static executable`);
  }
}

/** Better known before a long run than after it. */
function mustBeWritable(file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    throw new UsageError(`cannot write ${file}: ${reason(error)}; choose another place with --record`);
  }
}
