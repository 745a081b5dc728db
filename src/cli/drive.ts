import type { RunEnd } from '../event/recording.js';
import type { Kernel } from '../kernel/kernel.js';
import { run } from '../kernel/run.js';
import { plural } from '../report/document.js';
import { EXIT } from './exit.js';
import { Progress } from './progress.js';

/** Signals that end a run cleanly, with the exit status that a shell gives for each. */
const INTERRUPTS = { SIGINT: 130, SIGTERM: 143 } as const;
/** The reader of the output is gone: what SIGPIPE makes of a program. */
const READER_GONE = 141;
/** Milliseconds of work between two looks at signals. */
const SLICE = 25;
/** Silence after which progress is shown, in milliseconds. */
const SILENCE = 2000;

/** How a run ended, and the status that rseqlab ends with. */
export interface Driven {
  readonly end: RunEnd;
  readonly exit: number;
  /** Who broke it off. */
  readonly interrupt: keyof typeof INTERRUPTS | 'reader gone' | undefined;
}

/** What the loop needs of the host. */
interface Surroundings {
  /** Input has come, or ended. */
  wait(): Promise<void>;
  /** Nobody reads the output any more. */
  readonly closed: boolean;
}

/** Runs to the end, looking at signals in between: how long that takes changes nothing in the simulation. */
export async function drive(
  kernel: Kernel,
  surroundings: Surroundings,
  progress: QuietProgress,
  /** Where a recorded run was interrupted: after so many instructions, or at a read that never came back. */
  stop = { instructions: Number.POSITIVE_INFINITY, atInput: false },
): Promise<Driven> {
  let interrupt: Driven['interrupt'];
  let wake: () => void = () => {};
  const handlers = Object.keys(INTERRUPTS).map((name) => {
    const handler = (): void => {
      interrupt = name as keyof typeof INTERRUPTS;
      wake();
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  const finish = (kind: RunEnd['kind'], exit: number, status: number | null = null): Driven => ({
    end: { kind, status, instructions: kernel.state.instructions },
    exit,
    interrupt,
  });
  try {
    for (let slice = 100_000; ; ) {
      const began = performance.now();
      const outcome = run(kernel, Math.min(slice, stop.instructions - kernel.state.instructions));
      const took = performance.now() - began;
      slice = Math.round(slice * Math.min(4, Math.max(0.25, SLICE / Math.max(took, 1))));
      if (outcome.kind === 'ended') return finish('ended', exitStatus(outcome.status), outcome.status);
      if (outcome.kind === 'deadlock' || outcome.kind === 'horizon')
        return finish(outcome.kind, EXIT.INCONCLUSIVE);
      if (surroundings.closed) interrupt = 'reader gone';
      else {
        progress.show(kernel);
        const interrupted = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (outcome.kind === 'input') {
          if (stop.atInput) return finish('input', EXIT.OK);
          if (interrupt === undefined) await Promise.race([surroundings.wait(), interrupted]);
        } else await new Promise((resolve) => setImmediate(resolve));
      }
      if (interrupt !== undefined)
        return finish(
          outcome.kind === 'input' ? 'input' : 'interrupted',
          interrupt === 'reader gone' ? READER_GONE : INTERRUPTS[interrupt],
        );
      if (kernel.state.instructions >= stop.instructions) return finish('interrupted', EXIT.OK);
    }
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
    progress.done();
  }
}

/** As a shell sees it: the program's own, or 128 + the signal. */
export const exitStatus = (status: number): number =>
  (status & 0x7f) === 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);

/** A line about a long run, only where the program itself has been silent for a while. */
export class QuietProgress {
  private readonly progress = new Progress();
  private spoke = performance.now();

  /** The program writes: the line must go. */
  readonly output = (): void => {
    this.progress.done();
    this.spoke = performance.now();
  };

  show({ state }: Kernel): void {
    if (performance.now() - this.spoke < SILENCE) return;
    this.progress.show(
      `rseqlab: ${(state.instructions / 1e6).toFixed(0)} million instructions, ${plural(state.tasks.size, 'thread')}, ${(state.clock / 1e9).toFixed(3)} s of virtual time`,
    );
  }

  done(): void {
    this.progress.done();
  }
}
