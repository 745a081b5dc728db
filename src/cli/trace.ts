import { type Command, Option } from 'commander';
import { printable } from '../binary/printable.js';
import type { Observed } from '../event/observed.js';
import { Unavailable } from '../linux/errors.js';
import { unavailable } from '../linux/libc.js';
import { AbuseWatch } from '../live/trace/abuse.js';
import {
  chosenBy,
  DEFAULT_EVENTS,
  EVENT_GROUPS,
  type EventGroup,
  type Source,
  type Target,
  TargetError,
} from '../live/trace/options.js';
import { type CommandEnd, checkProcess, type Watch } from '../live/trace/session.js';
import type { TranslatorOptions } from '../live/trace/translator.js';
import { openWatch } from '../live/trace/watch.js';
import { VERSION } from '../node/version.js';
import { statusText } from '../report/event-text.js';
import { abuseJson, abuseText } from '../report/trace-abuse.js';
import { TraceProfile } from '../report/trace-profile.js';
import { type TraceFrame, traceSummaryJson, traceSummaryText } from '../report/trace-summary.js';
import { exitStatus } from './drive.js';
import { EXIT, UsageError } from './exit.js';
import { deliver, writeStream } from './output.js';
import { count, scaled } from './run-options.js';
import { makeSink, TRACE_FORMATS, type TraceFormat } from './trace-formats.js';
import { addMetrics, type MetricOptions, metricsOf } from './trace-metrics.js';
import { Stream } from './trace-sinks.js';

interface Options extends MetricOptions {
  readonly pid?: readonly string[];
  readonly all?: boolean;
  readonly format: TraceFormat;
  readonly events?: string;
  readonly summary?: boolean;
  readonly abuse?: boolean;
  readonly source: Source;
  readonly buffer?: string;
  readonly duration?: string;
  readonly output?: string;
}

/** `rseqlab trace`; `finish` takes the exit status. */
export function addTrace(program: Command, finish: (status: number) => void): void {
  addMetrics(
    addTarget(
      program
        .command('trace')
        .description(
          'watch real processes: rseq calls with the reason of every error, aborts with section, line and cause',
        ),
    ),
  )
    .addOption(new Option('--format <format>', 'how to print').choices(TRACE_FORMATS).default('text'))
    .option(
      '--events <list>',
      `which: ${Object.keys(EVENT_GROUPS).join(', ')}, all`,
      DEFAULT_EVENTS.join(','),
    )
    .option('--summary', 'no events, but at the end what happened to which section')
    .option(
      '--abuse',
      'catch writes to the fields of struct rseq that the kernel owns, and search the mapped files for them',
    )
    .option('-o, --output <file>', 'write there')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options) => finish(await trace(command, options)));
}

/** Options about what is watched, of trace and top. */
export const addTarget = (command: Command): Command =>
  command
    .argument('[command...]', 'a program to start and watch, with its arguments')
    .option(
      '-p, --pid <pid>',
      'a process that runs; may be repeated',
      (pid: string, before: string[] = []) => [...before, pid],
    )
    .option('-a, --all', 'the whole machine')
    .addOption(
      new Option('--source <source>', 'where events come from: ptrace sees no aborts, and needs no privilege')
        .choices(['auto', 'perf', 'ptrace'])
        .default('auto', 'perf where it is permitted'),
    )
    .option('--buffer <size>', "bytes of each CPU's ring (64k, 8M; default: 16M, all together 64M)")
    .option('--duration <seconds>', 'end after so long');

const EXAMPLES = `
Examples:
  rseqlab trace -- ./program                     its rseq calls and aborts, on standard error
  rseqlab trace --summary -p 4242                until Ctrl-C; then its sections, where and why they were aborted
  rseqlab trace -a --summary --duration 10       the whole machine, for ten seconds
  rseqlab trace --events all --format json -o t.jsonl -- ./program
  rseqlab trace --format perfetto -o t.json -- ./program   for ui.perfetto.dev

Exit status: of a command its own, or 128 and the signal that killed it; else 0, 3 where
records were lost, 2 wrong usage; 1 where --abuse has found a write (of a command only if its own is 0).`;

/** What the command line asks to be watched. Throws UsageError. */
export function targetOf(
  args: readonly string[],
  { pid, all }: { readonly pid?: readonly string[]; readonly all?: boolean },
): Target {
  const chosen = [pid !== undefined, all === true, args.length > 0].filter(Boolean).length;
  if (chosen !== 1)
    throw new UsageError('give one of: -p PID, -a, or a command behind --: rseqlab trace -- ./program');
  if (all === true) return { kind: 'all' };
  if (pid === undefined) return { kind: 'command', args };
  return { kind: 'processes', pids: pid.map((text) => count('-p', text, 1, 2 ** 22)) };
}

function groupsOf(text: string): readonly EventGroup[] {
  const all = Object.keys(EVENT_GROUPS) as EventGroup[];
  if (text === 'all') return all;
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !(all as readonly string[]).includes(name));
  if (wrong !== undefined)
    throw new UsageError(
      `--events: there is no ${JSON.stringify(wrong)}; choose from ${all.join(', ')}, all`,
    );
  return names as EventGroup[];
}

/** Opens a watch, and turns what stands against it into an error for the user. */
export async function open(
  target: Target,
  options: Pick<Options, 'source' | 'buffer'>,
  updates: boolean,
  onEvent: (observed: Observed) => void,
  onRegister: TranslatorOptions['onRegister'] = () => {},
): Promise<Watch> {
  const against = unavailable();
  if (against !== undefined) throw new UsageError(against);
  const asked =
    options.buffer === undefined ? undefined : scaled('--buffer', options.buffer, 1024, 8192, 2 ** 30);
  const buffer = asked && 2 ** Math.floor(Math.log2(asked));
  try {
    if (target.kind === 'processes') for (const pid of target.pids) checkProcess(pid);
    return await openWatch({ target, source: options.source, buffer, updates }, { onEvent, onRegister });
  } catch (error) {
    if (error instanceof TargetError || error instanceof Unavailable) throw new UsageError(error.message);
    throw error;
  }
}

async function trace(args: readonly string[], options: Options): Promise<number> {
  const target = targetOf(args, options);
  const groups = groupsOf(options.events ?? DEFAULT_EVENTS.join(','));
  const chosen = chosenBy(groups);
  const summary = options.summary === true;
  const seconds =
    options.duration === undefined ? undefined : count('--duration', options.duration, 1, 2 ** 31);
  // A command's standard output is its own.
  const standard = target.kind === 'command' ? 2 : 1;
  const stream = summary ? undefined : new Stream(options.output, standard);
  const profile = new TraceProfile();
  let last = 0;
  let sink: ReturnType<typeof makeSink> | undefined;
  const metrics = await metricsOf(() => profile, options);
  const abuse = options.abuse === true ? new AbuseWatch((pid) => watch.translator.placesOf(pid)) : undefined;
  const watch: Watch = await open(
    target,
    options,
    groups.includes('update'),
    (observed) => {
      profile.add(observed);
      sink?.see?.(observed);
      if (!chosen(observed)) return;
      last = observed.event.time;
      sink?.add(observed);
    },
    abuse?.watch,
  );
  if (target.kind === 'processes') abuse?.begin(watch.translator.tids);
  if (stream !== undefined) sink = makeSink(options.format, stream, watch);
  for (const note of watch.notes) process.stderr.write(`rseqlab: note: ${note}\n`);
  const began = now();
  const interrupt = await follow(watch, seconds, () => {
    stream?.flush();
    abuse?.poll();
    profile.lost = watch.lost;
    return stream?.closed === true;
  });
  await metrics?.close();
  if (sink !== undefined && watch.ended !== undefined && groups.includes('exec'))
    sink.add(exitEvent(watch.ended, watch, last));
  sink?.end(watch.lost);
  stream?.close();
  if (summary) {
    const frame: TraceFrame = {
      version: VERSION,
      target: targetText(target, watch),
      source: watch.source,
      // What we do behind its end does not count.
      time: (endOf(watch)?.time ?? now()) - began,
      notes: watch.notes,
    };
    const text =
      options.format === 'json'
        ? `${JSON.stringify(traceSummaryJson(profile, frame), null, 2)}\n`
        : traceSummaryText(profile, frame);
    if (options.output !== undefined || standard === 1) deliver(text, options.output);
    else writeStream(2, Buffer.from(text));
  } else {
    const lines = [
      ...(interrupt === undefined ? [] : [shortSummary(profile)]),
      ...(watch.lost === 0
        ? []
        : [
            `rseqlab: ${watch.lost} records were lost: give --buffer a larger size, or choose fewer --events\n`,
          ]),
    ];
    writeStream(2, Buffer.from(lines.join('')));
  }
  const abused = abuse !== undefined && tellAbuse(abuse, watch, options, standard);
  if (watch.ended !== undefined) return exitStatus(watch.ended.status) || (abused ? EXIT.FOUND : EXIT.OK);
  if (abused) return EXIT.FOUND;
  if (target.kind === 'command' && interrupt !== undefined) return interrupt === 'SIGTERM' ? 143 : 130;
  return watch.lost > 0 ? EXIT.INCONCLUSIVE : EXIT.OK;
}

/** Prints what --abuse has found; true if it is anything. */
function tellAbuse(abuse: AbuseWatch, { translator }: Watch, { format }: Options, stream: 1 | 2): boolean {
  const document = abuse.document(translator.pids);
  abuse.close();
  const text = format === 'json' ? `${JSON.stringify(abuseJson(document))}\n` : abuseText(document);
  writeStream(stream, Buffer.from(text));
  return document.writes.length + document.evidence.length > 0;
}

/** One line of what was seen. */
const shortSummary = (profile: TraceProfile): string =>
  `rseqlab: ${profile.aborts} aborts in ${profile.sections.size} sections, ${[...profile.calls.values()].reduce((sum, n) => sum + n, 0)} rseq calls; --summary tells more\n`;

/** Comes last, also where children of the command live on a little longer. `last`: the time of the event before. */
function exitEvent({ pid, status }: CommandEnd, watch: Watch, last: number): Observed {
  const { time, cpu } = endOf(watch) ?? { time: now(), cpu: 0 };
  return {
    event: { time: Math.max(time, last), cpu, tid: pid, kind: 'exit', pid, status },
    process: { pid, name: '' },
  };
}

/** Nanoseconds of the clock that events have. */
const now = (): number => Number(process.hrtime.bigint());

const endOf = ({ ended, translator }: Watch): { readonly time: number; readonly cpu: number } | undefined =>
  ended && translator.endOf(ended.pid);

export function targetText(target: Target, watch: Watch): string {
  if (target.kind === 'all') return 'the whole machine';
  if (target.kind === 'processes') return `process ${target.pids.join(', ')}`;
  const end = watch.ended === undefined ? 'still running' : statusText(watch.ended.status);
  return `${printable(target.args.join(' '))} (process ${watch.pid}, ${end})`;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Milliseconds that a command has to end when Ctrl-C reaches it and us. */
const GRACE = 200;

/** Polls until the command has ended, nobody is left, the time is over, or a signal comes, which is returned. `look`: true to stop. */
export async function follow(
  watch: Watch,
  seconds: number | undefined,
  look: () => boolean,
): Promise<(typeof SIGNALS)[number] | undefined> {
  let interrupt: (typeof SIGNALS)[number] | undefined;
  let wake = (): void => {};
  const handlers = SIGNALS.map((name) => {
    const handler = (): void => {
      interrupt ??= name;
      wake();
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  const until = seconds === undefined ? Number.POSITIVE_INFINITY : performance.now() + 1000 * seconds;
  let grace = Number.POSITIVE_INFINITY;
  try {
    for (;;) {
      const pace = watch.poll();
      const over = look();
      const now = performance.now();
      if (interrupt !== undefined && grace === Number.POSITIVE_INFINITY)
        grace = watch.pid === undefined ? now : now + GRACE;
      if (watch.ended !== undefined || watch.deserted || over || now >= until || now >= grace)
        return interrupt;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (pace === 0) setImmediate(resolve);
        else setTimeout(resolve, Math.min(pace, Math.max(1, until - now)));
      });
    }
  } finally {
    watch.poll(true);
    look();
    await watch.close();
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}
