import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/event/event.js';
import { eventJson } from '../../src/event/json.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { run } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { restoreSnapshot, takeSnapshot } from '../../src/kernel/snapshot.js';
import { ROOT } from '../cli/command.js';

const read = (path: string): Uint8Array<ArrayBuffer> => {
  const bytes = readFileSync(join(ROOT, path));
  return path.endsWith('.gz') ? gunzipSync(bytes) : new Uint8Array(bytes);
};

const PROGRAMS: readonly [name: string, path: string, args: readonly string[]][] = [
  ['threads with sections', 'examples/run/counter', []],
  ['a scenario', 'examples/scenario/counter.o', []],
  ['processes', 'test/programs/musl.gz', ['processes']],
  ['pipes', 'test/programs/musl.gz', ['pipes']],
  ['threads', 'test/programs/musl.gz', ['threads']],
  ['threads for AArch64', 'test/programs/musl-aarch64.gz', ['threads']],
  ['processes for AArch64', 'test/programs/musl-aarch64.gz', ['processes']],
  ['sections for AArch64', 'test/programs/musl-aarch64.gz', ['rseq', '4', '50']],
];

/** A kernel whose events are in `events`, as text. */
function booted(path: string, args: readonly string[]): { kernel: Kernel; events: string[] } {
  const events: string[] = [];
  const host = {
    read: () => new Uint8Array(0),
    write: () => {},
    file: () => undefined,
    directory: () => undefined,
  };
  const settings = {
    kernel: '6.18',
    debugRseq: false,
    cpus: 2,
    seed: 5,
    schedule: 'random',
    memoryLimit: 2 ** 28,
    maxInstructions: null,
    scenario: null,
  };
  const program = { path, arguments: [path, ...args], environment: [], bytes: read(path) };
  const kernel = start(settings, program, host, [
    () => (event: Event) => events.push(JSON.stringify(eventJson(event, 0))),
  ]);
  return { kernel, events };
}

describe.each(PROGRAMS)('%s', (_, path, args) => {
  it('go on from a snapshot as they went on when it was taken, however often', () => {
    const { kernel, events } = booted(path, args);
    run(kernel, 5_000);
    const snapshots = [];
    for (let n = 0; n < 4 && kernel.state.status === undefined; n++) {
      snapshots.push({ snapshot: takeSnapshot(kernel), from: events.length });
      run(kernel, 7_000);
    }
    expect(run(kernel, 100_000_000).kind).toBe('ended');
    const whole = [...events];
    const { status, instructions } = kernel.state;
    // Newest first, then an old one again.
    for (const { snapshot, from } of [...snapshots].reverse().concat(snapshots[1] ?? snapshots[0]!)) {
      restoreSnapshot(kernel, snapshot);
      events.length = 0;
      expect(run(kernel, 100_000_000).kind).toBe('ended');
      expect(events).toEqual(whole.slice(from));
      expect(kernel.state).toMatchObject({ status, instructions });
    }
  });
});
