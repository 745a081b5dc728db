import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import type { Call, Calls, Result } from './call.js';
import { FILES } from './files.js';
import { FUTEX } from './futex.js';
import { IDENTITY } from './identity.js';
import { MEMBARRIER } from './membarrier.js';
import { MEMORY } from './memory.js';
import { PRCTL } from './prctl.js';
import { RSEQ_CALLS } from './rseq.js';
import { SCHED } from './sched.js';
import { SIGNAL_CALLS } from './signals.js';
import { TASKS } from './tasks.js';
import { TIME } from './time.js';

const ROWS: Calls = {
  ...FILES,
  ...FUTEX,
  ...IDENTITY,
  ...MEMBARRIER,
  ...MEMORY,
  ...PRCTL,
  ...RSEQ_CALLS,
  ...SCHED,
  ...SIGNAL_CALLS,
  ...TASKS,
  ...TIME,
};

/** System calls by number. What is not here is ENOSYS. */
export const CALLS: ReadonlyMap<number, (call: Call) => Result> = new Map(
  Object.entries(ROWS).map(([name, handler]) => [SYSCALLS_X86_64[name]!, handler]),
);
