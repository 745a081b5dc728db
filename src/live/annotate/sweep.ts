import type { ErrnoName } from '../../abi/errno.js';
import type { AnnotatedCall } from '../../event/annotated.js';
import { Refused } from '../refused.js';
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

const isOver = ({ signal }: AnnotateEnd, begun: number, timeout: number): boolean =>
  signal === 'SIGKILL' && performance.now() - begun >= timeout;

/**
 * Runs the program once as it is, then once for each k with its k-th annotated call failed, until a run makes fewer calls than that. Throws
 * Refused, also where it takes too long as it is.
 */
export async function sweep({ command, error, timeout, most, abort, onRun }: SweepOptions): Promise<Sweep> {
  const stopped = (): boolean => abort?.aborted === true;
  const start = performance.now();
  const plain = await annotate({ command, timeout });
  if (isOver(plain, start, timeout) && !stopped())
    throw new Refused(
      `${command[0]} takes longer than ${timeout / 1000} s with no call failed; give each run more with --time`,
    );
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
      timeOver: isOver(end, begun, timeout),
    };
    runs.push(run);
    onRun?.(run);
  }
  return { plain, runs };
}
