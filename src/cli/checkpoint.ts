import { type Command, Option } from 'commander';
import { unavailable } from '../linux/libc.js';
import type {
  CheckpointConfig,
  CheckpointDone,
  CheckpointMessage,
  RestoreConfig,
  RestoreMessage,
} from '../live/checkpoint/jobs.js';
import { ImageProcess } from '../live/image.js';
import { endOf, startKeeper } from '../live/keeper/door.js';
import { Refused } from '../live/refused.js';
import { plural } from '../report/document.js';
import { coreOf, coreOfProcess, Interrupted, isImageFile } from './checkpoint-core.js';
import { imageOfRecording } from './checkpoint-recording.js';
import { EXIT, shellStatus, UsageError } from './exit.js';
import { deliver } from './output.js';
import { Progress } from './progress.js';
import { addRecord, addShow, type RunOptions, run as simulate } from './run.js';
import { addSettings, count } from './run-options.js';

const CHECKPOINT_EXAMPLES = `
Examples:
  rseqlab checkpoint 4242 -o server.img             the process goes on
  rseqlab checkpoint 4242 -o server.img --kill      it ends
  rseqlab checkpoint 4242 -o server.img --at push+0x14
                                                    when a thread stands there, in the middle of a section
  rseqlab restore server.img                        it is there again
  rseqlab inspect server.img                        what it says of each thread
  rseqlab checkpoint 4242 -o server.core --format core          for gdb: each thread where it stood
  rseqlab checkpoint server.img -o server.core --format core    the same of an image
  rseqlab checkpoint run.rseq@4711 -o at.img        a simulated process (rseqlab run --record), behind event 4711

docs/checkpoint.md says what is kept and what is refused. Exit status: 0 done, 2 refused: nothing has changed.`;

const RESTORE_EXAMPLES = `
Examples:
  rseqlab restore server.img              waits for its end
  rseqlab restore --detach server.img     leaves it running
  rseqlab restore --simulated --seed 7 --summary server.img      goes on in the simulated machine, its output is ours

Exit status: of the process its own, or 128 and the signal that ended it; 0 with --detach; 2 refused: nothing is left behind.`;

interface RestoreOptions extends RunOptions {
  readonly detach?: boolean;
  readonly simulated?: boolean;
}

/** `rseqlab checkpoint` and `rseqlab restore`; `finish` takes the exit status. */
export function addCheckpoint(program: Command, finish: (status: number) => void): void {
  program
    .command('checkpoint')
    .description('freeze a process to an image that is right about its sections, or to a core for debuggers')
    .argument(
      '<source>',
      'the number of a process; a recording of a simulated one, or recording@event; with --format core an image',
    )
    .requiredOption('-o, --output <file>', 'the image, or the core')
    .addOption(
      new Option('--format <format>', 'an image, or an ELF core for gdb and other debuggers')
        .choices(['image', 'core'])
        .default('image'),
    )
    .option('--leave-running', 'the process goes on (default)')
    .option('--kill', 'the process ends')
    .option(
      '--keep-position',
      'a thread inside a section stays there in the image: for analysis, wrong to go on from',
    )
    .option(
      '--at <instruction>',
      'wait until a thread comes to it, and freeze it there: an address (0x...), or symbol+offset',
    )
    .option('--copy', 'copy its memory while it stands still, instead of from a snapshot while it goes on')
    .option('--no-compress', 'faster, and larger')
    .option('--parent <image>', 'write only what has changed since that image, which restore needs as well')
    .addHelpText('after', CHECKPOINT_EXAMPLES)
    .action(async (source: string, options: CheckpointOptions) =>
      finish(await refusing(() => fromSource(source, options))),
    );
  const restoring = program
    .command('restore')
    .description('bring a process back from its image')
    .argument('<image>', 'what checkpoint has written')
    .option('--detach', 'leave it running, and end')
    .option('--simulated', 'in the simulated machine; with the options of rseqlab run, which are these:');
  addRecord(addShow(addSettings(restoring)))
    .addHelpText('after', RESTORE_EXAMPLES)
    .action(async (file: string, options: RestoreOptions, command: Command) => {
      if (options.simulated === true) {
        if (options.detach === true)
          throw new UsageError('--detach is for the real kernel: what is simulated ends with this command');
        finish(await simulate(file, [], options));
        return;
      }
      for (const { attributeName, long } of forSimulated(command))
        if (command.getOptionValueSource(attributeName) === 'cli')
          throw new UsageError(`${long} is for restore --simulated; leave it out, or say --simulated`);
      available();
      finish(await refusing(() => restore({ file, detach: options.detach === true })));
    });
}

/** Options that say how the simulated machine is. */
const forSimulated = (command: Command) =>
  command.options
    .map((option) => ({ attributeName: option.attributeName(), long: option.long! }))
    .filter(({ long }) => !['--detach', '--simulated'].includes(long));

interface CheckpointOptions {
  readonly output: string;
  readonly format: 'image' | 'core';
  readonly kill?: boolean;
  readonly keepPosition?: boolean;
  readonly copy?: boolean;
  readonly compress?: boolean;
  readonly parent?: string;
  readonly at?: string;
}

async function fromSource(
  source: string,
  { output, format, ...options }: CheckpointOptions,
): Promise<number> {
  const { kill = false, keepPosition = false, copy = false, compress = true, parent, at } = options;
  if (format === 'core' && parent !== undefined)
    throw new UsageError('checkpoint: a core holds all of the memory; leave out --parent');
  // Whoever has an image that is called 4242 writes ./4242.
  if (format === 'core' && !/^\d+$/.test(source) && isImageFile(source)) {
    if (kill || keepPosition || copy || at !== undefined)
      throw new UsageError(
        'checkpoint: an image is made a core as it is; leave out --kill, --keep-position, --at and --copy',
      );
    const { size, pid, threads } = await coreOf(ImageProcess.open(source), output);
    process.stdout.write(`${output}: core of process ${pid}, ${plural(threads, 'thread')}; ${size} bytes\n`);
    return EXIT.OK;
  }
  if (!/^\d+$/.test(source)) {
    const real = {
      '--kill': kill,
      '--copy': copy,
      '--no-compress': !compress,
      '--at': at !== undefined,
      '--parent': parent !== undefined,
    };
    const [wrong] = Object.entries(real).flatMap(([name, given]) => (given ? [name] : []));
    if (wrong !== undefined)
      throw new UsageError(`${wrong} is for a real process, not a recording; leave it out`);
    const { bytes, image, event } = imageOfRecording(source, keepPosition);
    if (format === 'core') {
      const { size } = await coreOf(ImageProcess.ofBytes(bytes, source), output);
      process.stdout.write(`${output}: core of the simulated process of ${source}; ${size} bytes\n`);
      return EXIT.OK;
    }
    deliver(bytes, output);
    const sections = image.threads.filter(({ section }) => section).length;
    process.stdout.write(
      `${output}: ${plural(image.threads.length, 'thread')}, ${sections} inside a section; ${bytes.length} bytes; behind event ${event}\n`,
    );
    return EXIT.OK;
  }
  available();
  const config = {
    pid: count('PID', source, 1, 2 ** 22),
    kill,
    keepPosition,
    copy,
    compress,
    parent,
    ...(at !== undefined && { at }),
  };
  const [done, size] =
    format === 'image'
      ? await checkpoint({ ...config, file: output }).then((done) => [done, done.bytes] as const)
      : await coreOfProcess(output, kill, (where) => checkpoint({ ...config, ...where }));
  const { threads, sections, frozen } = done;
  process.stdout.write(
    `${output}: ${format === 'core' ? `core of process ${source}, ` : ''}${plural(threads, 'thread')}, ${sections} inside a section; ${size} bytes; stood still for ${(frozen / 1000).toFixed(1)} ms\n`,
  );
  return EXIT.OK;
}

async function refusing(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Refused) throw new UsageError(error.message);
    if (error instanceof Interrupted) return error.status;
    throw error;
  }
}

function available(): void {
  const against = unavailable();
  if (against !== undefined) throw new UsageError(against);
}

async function checkpoint(config: CheckpointConfig): Promise<CheckpointDone> {
  const keeper = startKeeper<CheckpointMessage>({ job: 'checkpoint', config }, { alone: true });
  const progress = new Progress();
  try {
    for await (const message of keeper.messages) {
      if (message.kind === 'progress') progress.show(`${mebibytes(message.taken)} of its memory read`);
      if (message.kind === 'done') return message;
    }
  } finally {
    progress.done();
  }
  throw new UsageError(`cannot checkpoint process ${config.pid}: the keeper has ended; try again`);
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

async function restore(config: RestoreConfig): Promise<number> {
  const keeper = startKeeper<RestoreMessage>({ job: 'restore', config }, { alone: config.detach });
  let running = false;
  for await (const message of keeper.messages) {
    if (message.kind === 'running') {
      running = true;
      if (config.detach) process.stdout.write(`${config.file}: process ${message.pid} runs again\n`);
    }
    if (message.kind === 'ended') return shellStatus(endOf(message));
  }
  if (running) return EXIT.OK;
  throw new UsageError(`cannot bring ${config.file} back: the keeper has ended; try again`);
}
