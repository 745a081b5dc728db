import { makePolicy } from '../../../src/kernel/policies/index.js';
import { run } from '../../../src/kernel/run.js';
import { start } from '../../../src/kernel/session.js';
import { restless } from '../examples/runs.js';
import { type Case, endText } from './explored.js';

const HOST = {
  read: () => new Uint8Array(0),
  write: () => {},
  file: () => undefined,
  directory: () => undefined,
};

/** What a run came to: its end, as explored.ts has it, or that it went wrong. */
export type Ran =
  | { readonly kind: 'end'; readonly end: string }
  | { readonly kind: 'wrong'; readonly text: string }
  | { readonly kind: 'endless' };

/** One run of the whole kernel. `words`: addresses of shared words. */
export function ran(
  what: Case,
  schedule: string,
  seed: number,
  words: readonly number[],
  classes: readonly number[],
): Ran {
  const { name, bytes, kernel: version, debugRseq, cpus, scenario } = what;
  const kernel = start(
    {
      kernel: version,
      debugRseq,
      cpus,
      seed,
      // As an exploration has it, setup runs on one CPU.
      schedule: 'rr',
      memoryLimit: 2 ** 26,
      maxInstructions: 100_000,
      scenario: scenario ?? null,
    } as Parameters<typeof start>[0],
    { path: name, arguments: [], environment: [], bytes: bytes as Uint8Array<ArrayBuffer> },
    HOST,
    [],
  );
  const state = kernel.state.scenario!;
  const main = [...kernel.state.tasks.values()][0]!;
  const read = (): bigint[] => {
    const { machine } = kernel.spaces.of(main.mm.id);
    return words.map((at) => machine.load(BigInt(at), 8));
  };
  let initial: bigint[] | undefined;
  let last: bigint[] = [];
  for (;;) {
    const outcome = run(kernel, 1);
    if (initial === undefined && state.phase !== 'setup') {
      initial = read();
      const policy = schedule === 'restless' ? restless(seed) : makePolicy(schedule, seed);
      Object.assign(kernel, { policy });
    }
    if (outcome.kind === 'ended') {
      if (state.failure !== undefined) return { kind: 'wrong', text: state.failure };
      if (outcome.status !== 0) return { kind: 'wrong', text: `signal ${outcome.status & 0x7f}` };
      break;
    }
    if (outcome.kind !== 'paused') return { kind: 'endless' };
    if (initial !== undefined && state.phase === 'tasks') last = read();
  }
  const changed = words.flatMap((at, n) => (last[n] === initial![n] ? [] : [[at, last[n]!] as const]));
  const results = state.tasks.map(
    ({ name: task }, index) =>
      [
        state.tasks[classes[index]!]!.start,
        state.results.filter((each) => each.task === task.slice(0, 15)).map(({ value }) => value),
      ] as const,
  );
  return { kind: 'end', end: endText(changed, results) };
}
