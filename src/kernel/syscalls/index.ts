import { ARCHES, type Arch, type ArchName } from '../arch/index.js';
import type { Call, Calls, Result } from './call.js';
import { CREDENTIALS } from './credentials.js';
import { IOCTL } from './fcntl.js';
import { FILES } from './files.js';
import { FUTEX } from './futex.js';
import { IDENTITY } from './identity.js';
import { MADVISE } from './madvise.js';
import { MEMBARRIER } from './membarrier.js';
import { MEMORY } from './memory.js';
import { NUMA } from './numa.js';
import { PATHS } from './paths.js';
import { POLLING } from './poll.js';
import { PRCTL } from './prctl.js';
import { PTRACE_CALLS } from './ptrace.js';
import { RESOURCES } from './resources.js';
import { RESTART_CALLS } from './restart.js';
import { RSEQ_CALLS } from './rseq.js';
import { SCHED } from './sched.js';
import { SIGNAL_CALLS } from './signals.js';
import { STAT } from './stat.js';
import { TASKS } from './tasks.js';
import { TIME } from './time.js';
import { TIMERS } from './timers.js';
import { WAIT_CALLS } from './wait.js';

const ROWS: Calls = {
  ...CREDENTIALS,
  ...FILES,
  ...FUTEX,
  ...IDENTITY,
  ...MEMBARRIER,
  ...IOCTL,
  ...MADVISE,
  ...MEMORY,
  ...NUMA,
  ...PATHS,
  ...POLLING,
  ...PRCTL,
  ...RESOURCES,
  ...PTRACE_CALLS,
  ...RESTART_CALLS,
  ...RSEQ_CALLS,
  ...SCHED,
  ...SIGNAL_CALLS,
  ...STAT,
  ...TASKS,
  ...TIME,
  ...TIMERS,
  ...WAIT_CALLS,
};

const numbered = ({ syscalls }: Arch): ReadonlyMap<number, (call: Call) => Result> =>
  new Map(
    Object.entries(ROWS).flatMap(([name, handler]) =>
      Object.hasOwn(syscalls, name) ? [[syscalls[name]!, handler]] : [],
    ),
  );

/** System calls by number. What is not here is ENOSYS. */
export const CALLS: Readonly<Record<ArchName, ReadonlyMap<number, (call: Call) => Result>>> = {
  'x86-64': numbered(ARCHES['x86-64']),
  aarch64: numbered(ARCHES.aarch64),
};
