import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Event } from '../../src/event/event.js';
import { EventHash } from '../../src/event/hash.js';
import type { RecordedProgram, RunSettings } from '../../src/event/recording.js';
import type { Host } from '../../src/kernel/host.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { type Outcome, run } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { ROOT } from './command.js';

/** A program of many parts (test/fixtures/run/parts.c), and the same as static PIE. */
export const PARTS = 'test/fixtures/run/parts';
export const PARTS_PIE = 'test/fixtures/run/parts-pie';

export const SETTINGS: RunSettings = {
  kernel: '6.18',
  debugRseq: false,
  cpus: 2,
  seed: 1,
  schedule: 'random',
  memoryLimit: 2 ** 28,
  maxInstructions: 20_000_000,
  scenario: null,
};

const bytes = readFileSync(join(ROOT, PARTS));

export const partsProgram = (...args: string[]): RecordedProgram => ({
  path: 'parts',
  arguments: ['parts', ...args],
  environment: [],
  bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length),
});

/** Nobody to read from or write to. */
export const NOBODY: Host = {
  read: () => new Uint8Array(0),
  write: () => {},
  file: () => undefined,
  directory: () => undefined,
};

export interface Simulated {
  readonly outcome: Outcome;
  readonly kernel: Kernel;
  readonly events: readonly Event[];
  readonly hash: string;
}

/** Runs a part in this process, with nobody to read or write to. */
export function simulate(args: readonly string[], settings: Partial<RunSettings> = {}): Simulated {
  const events: Event[] = [];
  const hash = new EventHash();
  const kernel = start({ ...SETTINGS, ...settings }, partsProgram(...args), NOBODY, [
    () => (event) => {
      events.push(event);
      hash.add(event);
    },
  ]);
  return { outcome: run(kernel, Number.MAX_SAFE_INTEGER), kernel, events, hash: hash.text() };
}
