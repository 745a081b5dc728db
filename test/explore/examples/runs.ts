import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Policy, policy } from '../../../src/kernel/policy.js';
import { below, oneIn, oneOf, type RandomWords, randomWords } from '../../../src/kernel/random.js';
import { run } from '../../../src/kernel/run.js';
import { start } from '../../../src/kernel/session.js';
import { ROOT } from '../../cli/command.js';

/** One run of a scenario: one schedule. */
export interface ScenarioRun {
  /** From the repository's root, or absolute; what ends in .gz is unpacked. */
  readonly object: string;
  readonly scenario: string;
  readonly cpus: number;
  readonly seed: number;
  /** As --schedule of run, or `restless`: see below. */
  readonly schedule: string;
  readonly kernel?: string;
  readonly debugRseq?: boolean;
}

const files = new Map<string, Uint8Array<ArrayBuffer>>();

/** The bytes of an object. */
export function objectOf(path: string): Uint8Array<ArrayBuffer> {
  let bytes = files.get(path);
  if (bytes === undefined) {
    const stored = readFileSync(isAbsolute(path) ? path : join(ROOT, path));
    bytes = new Uint8Array(path.endsWith('.gz') ? gunzipSync(stored) : stored);
    files.set(path, bytes);
  }
  return bytes;
}

/** What a scenario needs of the machine: none of these runs reads or writes anything. */
const HOST = {
  read: () => new Uint8Array(0),
  write: () => {},
  file: () => undefined,
  directory: () => undefined,
};

/** Instructions of a turn when interruptions are over: who spins must give way. */
const PEACE = 300;

interface Restless {
  readonly random: RandomWords;
  /** Instructions of a turn, at most; one turn of so many is interrupted; interruptions until there is peace. */
  readonly longest: number;
  readonly calm: number;
  interruptions: number;
}

/**
 * Turns of a few instructions, on any CPU, many of which end with another thread or on another CPU: scenarios are short, and what goes wrong
 * in them takes a few interruptions in the right places. There is an end to them, so that every section has its chance.
 */
export function restless(seed: number): Policy {
  const random = randomWords(seed);
  const data = { random, longest: 1 + below(random, 12), calm: 1 + below(random, 4), interruptions: 40 };
  return policy<Restless>(data, {
    turn(data, { state }, ready) {
      const { random, longest, calm } = data;
      const cpu = oneOf(random, ready);
      const instructions = 1 + below(random, longest);
      if (data.interruptions === 0) return { cpu, instructions: PEACE, end: 'preempt' };
      if (!oneIn(random, calm)) return { cpu, instructions, end: 'continue' };
      data.interruptions--;
      const to = below(random, state.cpus.length);
      if (oneIn(random, 2) && to !== cpu.id) return { cpu, instructions, end: 'migrate', to };
      return { cpu, instructions, end: 'preempt' };
    },
    pick: ({ random }, _, cpu) => oneOf(random, cpu.queue),
    place: ({ random }, _, __, allowed) => oneOf(random, [...allowed]),
  });
}

/** What went wrong, or undefined where the scenario held: what it says itself, the signal that ended it, or why it never ended. */
export function runScenario(what: ScenarioRun): string | undefined {
  const kernel = start(
    {
      kernel: what.kernel ?? '6.18',
      debugRseq: what.debugRseq ?? false,
      cpus: what.cpus,
      seed: what.seed,
      schedule: what.schedule === 'restless' ? 'random' : what.schedule,
      memoryLimit: 2 ** 26,
      maxInstructions: 200_000,
      scenario: what.scenario,
    },
    { path: what.object, arguments: [], environment: [], bytes: objectOf(what.object) },
    HOST,
    [],
  );
  if (what.schedule === 'restless') Object.assign(kernel, { policy: restless(what.seed) });
  const outcome = run(kernel, Number.MAX_SAFE_INTEGER);
  const { failure } = kernel.state.scenario!;
  if (failure !== undefined) return failure;
  if (outcome.kind !== 'ended') return outcome.kind;
  return outcome.status === 0 ? undefined : `signal ${outcome.status & 0x7f}`;
}
