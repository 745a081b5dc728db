import type { ErrnoName } from '../../abi/errno.js';
import type { AnnotatedCall } from '../../event/annotated.js';
import { type AnnotateEnd, annotate } from './annotate.js';

/** One run of a sweep: call `index` failed. */
export interface SweepRun {
  readonly index: number;
  readonly call: AnnotatedCall;
  readonly end: AnnotateEnd;
  /** It had to be ended. */
  readonly timeOver: boolean;
}

export interface Sweep {
  /** Nothing failed. */
  readonly plain: AnnotateEnd;
  readonly runs: readonly SweepRun[];
}

export interface SweepOptions {
  readonly command: readonly string[];
  readonly error: ErrnoName;
  /** Milliseconds for each run. */
  readonly timeout: number;
  /** At most so many runs. */
  readonly most: number;
  /** No further run is begun, and the one under way does not count. */
  readonly abort?: AbortSignal;
  readonly onRun?: (run: SweepRun) => void;
}

/**
 * Runs the program once as it is, then once for each k with its k-th annotated call failed, until a run makes fewer calls than that. Throws
 * Unavailable.
 */
export async function sweep({ command, error, timeout, most, abort, onRun }: SweepOptions): Promise<Sweep> {
  const plain = await annotate({ command, timeout });
  const stopped = (): boolean => abort?.aborted === true;
  const runs: SweepRun[] = [];
  for (let index = 1; index <= most && !stopped(); index++) {
    let failed: AnnotatedCall | undefined;
    const begun = performance.now();
    const end = await annotate({
      command,
      timeout,
      plan: { index, action: { fail: error } },
      onEnd: (call, how) => {
        if (how.injected && call.index === index) failed = call;
      },
    });
    if (failed === undefined || stopped()) break;
    const run = {
      index,
      call: failed,
      end,
      timeOver: end.signal === 'SIGKILL' && performance.now() - begun >= timeout,
    };
    runs.push(run);
    onRun?.(run);
  }
  return { plain, runs };
}
