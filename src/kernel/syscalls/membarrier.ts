import { compareVersions } from '../../abi/kernel-rules.js';
import { MEMBARRIER_CMD_FLAG_CPU, MEMBARRIER_COMMANDS } from '../../abi/membarrier.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { fenced } from '../rseq/events.js';
import type { Task } from '../state.js';
import { type Call, type Calls, int, unsigned } from './call.js';

type Command = (call: Call, cpu: number | undefined) => number;

const byName = (name: string) => MEMBARRIER_COMMANDS.find((each) => each.name === `MEMBARRIER_CMD_${name}`)!;

/** Bits of Mm.membarrier: the values of the REGISTER commands. */
const registration = (name: string): number => byName(`REGISTER_${name}`).value;

/** membarrier_register_private_expedited() and ..._global_expedited(): the RSEQ and SYNC_CORE kinds note PRIVATE_EXPEDITED too, without making it usable. */
const register =
  (name: string): Command =>
  ({ task }) => {
    task.mm.membarrier |= registration(name);
    return 0;
  };

const mustBeRegistered = ({ task }: Call, name: string): void => {
  if ((task.mm.membarrier & registration(name)) === 0) throw new Errno('EPERM');
};

/**
 * membarrier_private_expedited() for RSEQ: threads of this address space that run on other CPUs are interrupted; without a CPU the caller is
 * spared, with its own it is not. Nothing where there is one user of the memory, or one CPU.
 */
const fence: Command = (call, cpu) => {
  const { kernel, task } = call;
  mustBeRegistered(call, 'PRIVATE_EXPEDITED_RSEQ');
  if (task.mm.users === 1 || kernel.state.cpus.length === 1) return 0;
  for (const running of runningIn(kernel, task))
    if (cpu === undefined ? running !== task : running.cpu === cpu) fenced(kernel, running);
  return 0;
};

const runningIn = (kernel: Kernel, task: Task): Task[] =>
  kernel.state.cpus.flatMap(({ current }) => (current?.mm === task.mm ? current : []));

/** Barriers themselves have no effect here: instructions of different CPUs never overlap in the simulation. */
const barrier =
  (name?: string): Command =>
  (call) => {
    if (name !== undefined) mustBeRegistered(call, name);
    return 0;
  };

const COMMANDS: Readonly<Record<string, Command>> = {
  QUERY: ({ kernel }) =>
    MEMBARRIER_COMMANDS.reduce((mask, each) => (exists(kernel, each.since) ? mask | each.value : mask), 0),
  GLOBAL: barrier(),
  GLOBAL_EXPEDITED: barrier(),
  REGISTER_GLOBAL_EXPEDITED: register('GLOBAL_EXPEDITED'),
  PRIVATE_EXPEDITED: barrier('PRIVATE_EXPEDITED'),
  REGISTER_PRIVATE_EXPEDITED: register('PRIVATE_EXPEDITED'),
  PRIVATE_EXPEDITED_SYNC_CORE: barrier('PRIVATE_EXPEDITED_SYNC_CORE'),
  REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: register('PRIVATE_EXPEDITED_SYNC_CORE'),
  PRIVATE_EXPEDITED_RSEQ: fence,
  REGISTER_PRIVATE_EXPEDITED_RSEQ: register('PRIVATE_EXPEDITED_RSEQ'),
  GET_REGISTRATIONS: ({ task }) => registrations(task),
};

/** membarrier_get_registrations(): measured on 6.18, any kind of PRIVATE_EXPEDITED shows the plain one as well. */
function registrations({ mm }: Task): number {
  const special = registration('PRIVATE_EXPEDITED_SYNC_CORE') | registration('PRIVATE_EXPEDITED_RSEQ');
  return mm.membarrier | ((mm.membarrier & special) === 0 ? 0 : registration('PRIVATE_EXPEDITED'));
}

const exists = (kernel: Kernel, since: string): boolean =>
  compareVersions(since, '4.18') < 0 || compareVersions(kernel.options.version, since) >= 0;

/** membarrier(2) (kernel/sched/membarrier.c). */
export const MEMBARRIER: Calls = {
  membarrier: (call) => {
    const [command, flags, cpu] = [
      int(call.arguments[0]),
      unsigned(call.arguments[1]),
      int(call.arguments[2]),
    ];
    const row = MEMBARRIER_COMMANDS.find(({ value }) => value === command);
    const rseq = row?.name === 'MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ';
    if (flags !== 0 && !(rseq && flags === MEMBARRIER_CMD_FLAG_CPU)) throw new Errno('EINVAL');
    if (row === undefined || !exists(call.kernel, row.since)) throw new Errno('EINVAL');
    // A negative number is all CPUs, as without the flag.
    const only = flags === MEMBARRIER_CMD_FLAG_CPU && cpu >= 0 ? cpu : undefined;
    return COMMANDS[row.name.replace('MEMBARRIER_CMD_', '')]!(call, only);
  },
};
