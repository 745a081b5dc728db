import { availableParallelism } from 'node:os';
import { DEFAULT_CPUS, ExploreError, RANGES } from '../explore/options.js';
import type { ExploreDocument } from '../explore/timeline.js';
import { explore } from '../node/explore.js';
import type { StressDocument } from '../report/stress-document.js';
import { progressText } from './explore.js';
import type { Progress } from './progress.js';

/** Seconds that the search for the shortest way takes at most, for each number of CPUs. */
const LONGEST = 60;

/** What `stress --explore` hands over: the scenarios of the program's file, or of an object, on one CPU and then on more. */
export interface HandedOver {
  readonly explored?: ExploreDocument;
  /** Why there is none: one line. */
  readonly why?: string;
}

/**
 * Explores the scenarios of a program that failed: those that its arguments name, if any. `object`: where they are, if not in the program's file. Never
 * throws for what cannot be explored: what stress has found counts all the same.
 */
export async function handOver(
  { command = [], failure }: StressDocument,
  object: string | undefined,
  progress: Progress,
  signal: AbortSignal,
): Promise<HandedOver> {
  const names = failure?.scenarios ?? [];
  const [file] = command;
  const from = object ?? file;
  if (from === undefined || (object === undefined && names.length === 0))
    return {
      why: 'the program has no scenario (include/rseqlab.h); name an object that has, with --explore FILE.o',
    };
  const named = names.find((name) => command.slice(1).includes(name));
  try {
    let explored: ExploreDocument | undefined;
    // What goes wrong on one CPU, stress --counterexample forces best.
    for (const cpus of [1, DEFAULT_CPUS]) {
      explored = await explore(from, {
        cpus,
        time: LONGEST,
        jobs: Math.min(availableParallelism(), RANGES.jobs[1]),
        signal,
        ...(named !== undefined && { scenario: named }),
        onProgress: (now) => progress.show(progressText(now)),
      });
      if (signal.aborted || explored.results.some(({ verdict }) => verdict === 'counterexample')) break;
    }
    return { explored: explored! };
  } catch (error) {
    if (!(error instanceof ExploreError)) throw error;
    return {
      why: `${error.message}${object === undefined ? '; or name its object with --explore FILE.o' : ''}`,
    };
  }
}
