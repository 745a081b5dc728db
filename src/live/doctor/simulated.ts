import type { RuleValues } from '../../abi/kernel-rows.js';
import { SIG } from '../../abi/signals.js';
import type { Host } from '../../kernel/host.js';
import { Kernel } from '../../kernel/kernel.js';
import { makePolicy } from '../../kernel/policies/index.js';
import { boot, run } from '../../kernel/run.js';
import type { Answer } from './answer.js';
import type { Patient } from './examine.js';
import { probeBytes } from './probe.js';

/** A simulated kernel to ask. */
export interface SimulatedKernel {
  readonly version: string;
  readonly debug: boolean;
  /** Whose kernel it is, and whose programs it runs. */
  readonly arch: 'x86-64' | 'aarch64';
  /** Rules that it does not keep, with what it does instead. */
  readonly broken?: Partial<RuleValues>;
}

/** Instructions after which a row counts as hanging, and events: the longest rows take 5,000,000 and 10,000. */
const PATIENCE = 8_000_000;
const EVENTS = 50_000;
/** Pages that the probe may touch. */
const MEMORY = 2 ** 16;
const NAMES = new Map(Object.entries(SIG).map(([name, number]) => [number, name]));

/** A simulated kernel as one that can be examined. */
export const simulatedPatient = (kernel: SimulatedKernel): Patient => {
  const probe = probeBytes(kernel.arch);
  return {
    world: 'simulated',
    release: kernel.version,
    architecture: kernel.arch,
    // Gives way now and then, so that progress is seen and Ctrl-C heard.
    ask: (row) => new Promise((resolve) => setImmediate(() => resolve(askSimulated(probe, row, kernel)))),
    sideBySide: 1,
  };
};

/** Runs the probe on the simulated kernel with one argument: what it says, and how it ends. */
function askSimulated(probe: Uint8Array, row: string, simulated: SimulatedKernel): Answer {
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
  let events = 0;
  const kernel: Kernel = new Kernel({
    version: simulated.version,
    debugRseq: simulated.debug,
    programs: simulated.arch,
    ...(simulated.broken !== undefined && { broken: simulated.broken }),
    cpus: 2,
    seed: 1,
    memoryLimit: MEMORY,
    policy: makePolicy('rr', 1),
    host,
    onEvent: () => {
      if (++events === EVENTS) kernel.horizon.instructions = 0;
    },
  });
  boot(kernel, { path: '/probe', bytes: probe, arguments: ['/probe', row], environment: [] });
  const outcome = run(kernel, PATIENCE);
  if (outcome.kind !== 'ended') return { output, end: { kind: 'hangs' } };
  const signal = outcome.status & 0x7f;
  return {
    output,
    end:
      signal === 0
        ? { kind: 'exit', status: outcome.status >> 8 }
        : { kind: 'signal', name: NAMES.get(signal) ?? `signal ${signal}` },
  };
}
