import { Unavailable } from '../../linux/errors.js';
import type { SessionOptions } from './options.js';
import { openPtraceWatch } from './ptrace-watch.js';
import { openPerfWatch, type Watch } from './session.js';

/** Opens a watch by what is permitted: perf, else ptrace, which says what was missing. Throws Unavailable, TargetError. */
export async function openWatch(
  options: SessionOptions,
  told: Parameters<typeof openPerfWatch>[1],
): Promise<Watch> {
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
