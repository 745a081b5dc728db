import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readImage } from '../../src/binary/read.js';
import type { Event } from '../../src/event/event.js';
import { EventHash } from '../../src/event/hash.js';
import type { Host } from '../../src/kernel/host.js';
import type { Policy } from '../../src/kernel/policy.js';
import { run } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { ROOT } from '../cli/command.js';

/** A program of the fixtures, and how it is run. */
export interface Simulation {
  /** Path from the repository's root; what ends in .gz is unpacked. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  readonly cpus?: number;
  readonly seed?: number;
  /** As --schedule; of a script, `@name` is the address of a symbol. */
  readonly schedule?: string;
  readonly maxInstructions?: number;
  /** In bytes. */
  readonly memoryLimit?: number;
  /** Takes the place of the schedule's own policy. */
  readonly policy?: (own: Policy) => Policy;
}

export interface Simulated {
  readonly stdout: string;
  /** As wait4(2) gives it; undefined where it did not end. */
  readonly status: number | undefined;
  readonly outcome: string;
  readonly events: readonly Event[];
  /** Of the stream of events. */
  readonly hash: string;
  readonly instructions: number;
}

const files = new Map<string, Uint8Array<ArrayBuffer>>();

function fileOf(path: string): Uint8Array<ArrayBuffer> {
  let bytes = files.get(path);
  if (bytes === undefined) {
    const stored = readFileSync(join(ROOT, path));
    bytes = new Uint8Array(path.endsWith('.gz') ? gunzipSync(stored) : stored);
    files.set(path, bytes);
  }
  return bytes;
}

/** Runs a program on the simulated Linux. Throws where the schedule or the program cannot be used. */
export function simulate(what: Simulation): Simulated {
  const bytes = fileOf(what.program);
  const image = readImage(bytes, what.program);
  const schedule = (what.schedule ?? 'rr').replace(/@(\w+)/g, (_, name: string) => {
    const symbol = image.symbol(name);
    if (symbol?.address === undefined) throw new Error(`${what.program} has no symbol ${name}`);
    return `0x${symbol.address.toString(16)}`;
  });
  let stdout = '';
  const host: Host = {
    read: () => new Uint8Array(0),
    write: (stream, written) => {
      if (stream === 1) stdout += String.fromCharCode(...written);
    },
    file: () => undefined,
    directory: () => undefined,
  };
  const events: Event[] = [];
  const hash = new EventHash();
  const kernel = start(
    {
      kernel: what.kernel ?? '6.18',
      debugRseq: what.debugRseq ?? false,
      cpus: what.cpus ?? 2,
      seed: what.seed ?? 1,
      schedule,
      memoryLimit: what.memoryLimit ?? 2 ** 28,
      maxInstructions: what.maxInstructions ?? 5_000_000,
      scenario: null,
    },
    { path: what.program, arguments: [what.program, ...what.arguments], environment: [], bytes },
    host,
    [
      () => (event) => {
        events.push(event);
        hash.add(event);
      },
    ],
  );
  if (what.policy !== undefined) Object.assign(kernel, { policy: what.policy(kernel.policy) });
  const outcome = run(kernel, Number.MAX_SAFE_INTEGER);
  return {
    stdout,
    status: outcome.kind === 'ended' ? outcome.status : undefined,
    outcome: outcome.kind,
    events,
    hash: hash.text(),
    instructions: kernel.state.instructions,
  };
}
