import type { Command } from 'commander';
import { EntryCounters } from '../live/trace/entries.js';
import type { Source } from '../live/trace/options.js';
import { COLOUR, PLAIN } from '../report/style.js';
import { TraceProfile } from '../report/trace-profile.js';
import { TOP_ORDERS, type TopCounts, type TopOrder, topCounts, topLines } from '../report/trace-top.js';
import { exitStatus } from './drive.js';
import { EXIT } from './exit.js';
import { wantsColour, writeAll } from './output.js';
import { count } from './run-options.js';
import { Screen, size } from './screen.js';
import { addTarget, follow, open, targetOf, targetText } from './trace.js';
import { addMetrics, type MetricOptions, metricsOf } from './trace-metrics.js';

interface Options extends MetricOptions {
  readonly pid?: readonly string[];
  readonly all?: boolean;
  readonly source: Source;
  readonly buffer?: string;
  readonly duration?: string;
  readonly interval: string;
  readonly entered?: boolean;
  readonly color: boolean;
}

/** `rseqlab top`; `finish` takes the exit status. */
export function addTop(program: Command, finish: (status: number) => void): void {
  addMetrics(
    addTarget(
      program.command('top').description('a live table of the sections that are aborted most, where and why'),
    ),
  )
    .option('--interval <seconds>', 'between two tables', '1')
    .option('--entered', 'count entries of the first four sections that abort, at about a microsecond each')
    .option('--no-color', 'no colours')
    .addHelpText('after', EXAMPLES)
    .passThroughOptions()
    .action(async (command: string[], options: Options) => finish(await top(command, options)));
}

const EXAMPLES = `
Examples:
  rseqlab top -p 4242          on a terminal: keys choose the order, q ends
  rseqlab top -a | tee log     without a terminal one table after the other
  rseqlab top --duration 10 --interval 10 -- ./program

Exit status: of a command its own, or 128 and the signal that killed it; else 0, 2 wrong usage.`;

async function top(args: readonly string[], options: Options): Promise<number> {
  const target = targetOf(args, options);
  const seconds =
    options.duration === undefined ? undefined : count('--duration', options.duration, 1, 2 ** 31);
  const interval = 1000 * count('--interval', options.interval, 1, 3600);
  let profile = new TraceProfile();
  const entries = options.entered === true ? new EntryCounters() : undefined;
  const metrics = await metricsOf(() => profile, options);
  const watch = await open(target, options, false, (observed) => {
    profile.add(observed);
    entries?.add(observed);
  });
  const terminal = process.stdout.isTTY === true;
  let drawn = terminal;
  let order: TopOrder = 'rate';
  let paused = false;
  let ended = false;
  let due = 0;
  const screen = new Screen((key) => {
    const chosen = Object.entries(TOP_ORDERS).find(([, each]) => each === key)?.[0];
    if (chosen !== undefined) order = chosen as TopOrder;
    else if (key === ' ') paused = !paused;
    else if (key === 'z') {
      profile = new TraceProfile();
      before = topCounts(profile);
      begun = performance.now();
    } else if (key === 'q' || key === '\u0003') ended = true;
    show(false);
  });
  const began = performance.now();
  /** Of what the profile has counted. */
  let begun = began;
  let last = began;
  let before: TopCounts = topCounts(profile);
  const style = wantsColour(options.color, undefined) ? COLOUR : PLAIN;
  const show = (fresh: boolean): void => {
    const now = performance.now();
    profile.lost = watch.lost;
    entries?.fill(profile);
    const lines = topLines(
      profile,
      {
        target: targetText(target, watch),
        source: watch.source,
        interval: (now - last) * 1e6,
        time: (now - began) * 1e6,
        order,
        before,
        ...(drawn ? size() : { columns: terminal ? size().columns : 200, rows: 40 }),
        paused,
        notes: [...watch.notes, ...(entries?.note === undefined ? [] : [entries.note])],
      },
      style,
    );
    if (drawn) screen.draw(lines);
    // The last line is about keys.
    else if (fresh) writeAll(`${lines.slice(0, -1).join('\n')}\n\n`);
    if (!fresh) return;
    last = now;
    before = topCounts(profile);
  };
  const resized = (): void => show(false);
  if (drawn) {
    screen.enter();
    process.stdout.on('resize', resized);
  }
  due = began + interval;
  try {
    await follow(watch, seconds, () => {
      const now = performance.now();
      if (now >= due && !paused) {
        due = now + interval;
        show(true);
      }
      return ended;
    });
    screen.leave();
    drawn = false;
    if (terminal) {
      // What was seen stays there, with the rates of the whole time.
      last = begun;
      before = topCounts(new TraceProfile());
    }
    show(true);
    if (terminal && target.kind === 'command' && watch.ended === undefined)
      writeAll(`the command goes on: kill ${watch.pid} ends it\n`);
  } finally {
    process.stdout.off('resize', resized);
    screen.leave();
    entries?.close();
    await metrics?.close();
  }
  return watch.ended === undefined ? EXIT.OK : exitStatus(watch.ended.status);
}
