import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { printable } from '../binary/printable.js';
import { ExploreError, RANGES } from '../explore/options.js';
import { redisAddress } from '../node/queue/address.js';
import { isName } from '../node/queue/names.js';
import { type WorkEnd, type WorkProgress, work as workFor } from '../node/queue/work.js';
import { EXIT, UsageError } from './exit.js';
import { stopper } from './explore.js';
import { writeAll } from './output.js';
import { Progress } from './progress.js';
import { count, scaled } from './run-options.js';

interface Options {
  readonly queueName?: string;
  readonly jobs?: string;
  readonly maxMemory: string;
  readonly wait: string;
  readonly stay?: boolean;
}

/** Seconds: as long as it takes. */
const FOR_EVER = 2 ** 31;

/** `rseqlab work`; `finish` takes the exit status. */
export function addWork(program: Command, finish: (status: number) => void): void {
  program
    .command('work')
    .description('take part in a search of rseqlab explore --queue, until it is over')
    .argument('<redis>', 'the address that was given there: redis://host:port')
    .option('--queue-name <name>', 'only the search of this name (default: any)')
    .option('--jobs <n>', 'threads (default: as many as there are processors)')
    .option('--max-memory <size>', 'memory for the states that it has sent (512M, 4G)', '1G')
    .option('--wait <seconds>', 'wait for a search to begin, so long', '60')
    .option('--stay', 'wait for the next search when one is over, until Ctrl-C')
    .addHelpText('after', EXAMPLES)
    .action(async (address: string, options: Options) => finish(await work(address, options)));
}

const EXAMPLES = `
Examples:
  rseqlab explore --queue redis://boss:6379 large.o  the search; it has the verdict
  rseqlab work redis://boss:6379                     on any machine, before or behind: workers come and go

Exit status: 0 the search is over, 2 wrong usage or input, 3 it was left before, or there was none.`;

const TEXTS: Readonly<Record<Exclude<WorkEnd['kind'], 'lost'>, string>> = {
  over: 'the search is over',
  idle: 'left, before there was a search',
  left: 'left; the search goes on without this worker',
  gone: 'the process whose search it is has left the Redis: it has died, or was ended at once, or goes on alone',
  nothing: 'no search is under way there; begin one with rseqlab explore --queue, or wait longer with --wait',
};

async function work(address: string, options: Options): Promise<number> {
  const { queueName, jobs, stay = false } = options;
  if (queueName !== undefined && !isName(queueName))
    throw new UsageError(`--queue-name ${queueName}: that is no name; take letters, digits, . _ and -`);
  const [least, most] = RANGES.maxMemory;
  const progress = new Progress();
  const stop = stopper();
  try {
    const settings = {
      address: redisAddress(address),
      ...(queueName !== undefined && { name: queueName }),
      jobs:
        jobs === undefined
          ? Math.min(availableParallelism(), RANGES.jobs[1])
          : count('--jobs', jobs, ...RANGES.jobs),
      maxMemory: scaled('--max-memory', options.maxMemory, 1024, least, most),
      wait: stay ? FOR_EVER : count('--wait', options.wait, 0, FOR_EVER),
      signal: stop.signal,
      onJoin: ({ name, path }: { readonly name: string; readonly path: string }) => {
        progress.done();
        writeAll(`${printable(name)}: joined: ${printable(path)}\n`);
      },
      onProgress: (now: WorkProgress) => progress.show(doneText(now)),
    };
    for (;;) {
      const { end, done } = await workFor(settings);
      progress.done();
      if (done.pieces > 0) writeAll(`${doneText(done)}\n`);
      if (end.kind === 'over' && stay) continue;
      if (end.kind === 'idle' && stay) return EXIT.OK;
      if (end.kind === 'over') {
        writeAll(`${printable(done.name)}: ${TEXTS.over}\n`);
        return EXIT.OK;
      }
      const text = end.kind === 'lost' ? `the Redis is lost: ${end.why}` : TEXTS[end.kind];
      process.stderr.write(`rseqlab: ${printable(settings.address.text)}: ${printable(text)}\n`);
      return EXIT.INCONCLUSIVE;
    }
  } catch (error) {
    if (error instanceof ExploreError) throw new UsageError(error.message);
    throw error;
  } finally {
    progress.done();
    stop.done();
  }
}

const doneText = ({ name, pieces, states, seconds }: WorkProgress): string =>
  `${printable(name)}: ${pieces} pieces, ${states} states expanded, ${seconds.toFixed(0)} s`;
