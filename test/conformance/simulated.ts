import { readFileSync } from 'node:fs';
import { SIG } from '../../src/abi/signals.js';
import type { Host } from '../../src/kernel/host.js';
import { run } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { ROWS, ROWS_AARCH64, result } from './real.js';

/** A simulated kernel to run rows on. */
export interface Simulated {
  /** Version, e.g. `6.18`. */
  readonly kernel: string;
  readonly debugRseq?: boolean;
  /** As of `rseqlab run --schedule`. */
  readonly schedule?: string;
  readonly seed?: number;
  /** Default 2. */
  readonly cpus?: number;
  /** Whose rows. */
  readonly architecture?: 'x86-64' | 'aarch64';
  /** Instructions after which it counts as hanging. */
  readonly patience?: number;
}

const PROGRAMS = {
  'x86-64': new Uint8Array(readFileSync(ROWS)),
  aarch64: new Uint8Array(readFileSync(ROWS_AARCH64)),
} as const;
/** Instructions after which a row counts as hanging. */
const PATIENCE = 20_000_000;

/** Runs one row on the simulated kernel: the same text as runReal() gives. */
export function runSimulated(
  id: string,
  {
    kernel: version,
    debugRseq = false,
    schedule = 'rr',
    seed = 1,
    cpus = 2,
    architecture = 'x86-64',
    patience = PATIENCE,
  }: Simulated,
): string {
  let output = '';
  const decoder = new TextDecoder();
  const host: Host = {
    read: () => new Uint8Array(0),
    write: (_, text) => {
      output += decoder.decode(text);
    },
    file: () => undefined,
    directory: () => undefined,
  };
  const kernel = start(
    {
      kernel: version,
      debugRseq,
      cpus,
      seed,
      schedule,
      memoryLimit: 2 ** 28,
      maxInstructions: null,
      scenario: null,
    },
    { path: '/rows', bytes: PROGRAMS[architecture], arguments: ['/rows', id], environment: [] },
    host,
  );
  const outcome = run(kernel, patience);
  if (outcome.kind !== 'ended') return `${output}hangs (${outcome.kind})`;
  const { status } = outcome;
  const number = status & 0x7f;
  if (number === 0) return result(output, { status: status >> 8 });
  return result(output, { signal: NAMES.get(number) ?? `signal ${number}` });
}

const NAMES = new Map(Object.entries(SIG).map(([name, number]) => [number, name]));
