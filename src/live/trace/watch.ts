import { Unavailable } from '../../linux/errors.js';
import { narrowName } from '../narrow.js';
import type { SessionOptions } from './options.js';
import { openPtraceWatch } from './ptrace-watch.js';
import { openPerfWatch, type Watch } from './session.js';

/** Opens a watch by what is permitted: perf, else ptrace, which says what was missing. Throws Unavailable, TargetError. */
export async function openWatch(
  options: SessionOptions,
  told: Parameters<typeof openPerfWatch>[1],
): Promise<Watch> {
  const watch = await openBy(options, told);
  return narrowSubjects(options.target).reduce(
    (noted, name) =>
      withNote(noted, `${name} is a 32-bit program: of those aborts are seen by perf, and no rseq calls`),
    watch,
  );
}

function narrowSubjects(target: SessionOptions['target']): string[] {
  if (target.kind === 'all') return [];
  const subjects =
    target.kind === 'command' ? [{ command: target.args }] : target.pids.map((pid) => ({ pid }));
  return subjects.flatMap((subject) => narrowName(subject) ?? []);
}

async function openBy(options: SessionOptions, told: Parameters<typeof openPerfWatch>[1]): Promise<Watch> {
  if (options.source === 'ptrace') return openPtraceWatch(options, told);
  try {
    return openPerfWatch(options, told);
  } catch (error) {
    if (options.source === 'perf' || options.target.kind === 'all' || !(error instanceof Unavailable))
      throw error;
    const watch = await openPtraceWatch(options, told);
    return withNote(watch, `without perf: ${error.message}`);
  }
}

function withNote(watch: Watch, note: string): Watch {
  const { notes } = watch;
  Object.defineProperty(watch, 'notes', { value: [note, ...notes] });
  return watch;
}
