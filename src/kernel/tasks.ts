import { SIG } from '../abi/signals.js';
import type { Kernel } from './kernel.js';
import { WORDS } from './registers.js';
import { newRseq } from './rseq/registration.js';
import type { FileTable, FsState, Handler, Mm, Process, Task } from './state.js';

export const defaultHandlers = (): Handler[] =>
  Array.from({ length: 65 }, () => ({ handler: 0n, flags: 0, restorer: 0n, mask: 0n }));

/** RLIM_INFINITY. */
const INFINITE = (1n << 64n) - 1n;
const LIMITS: readonly (readonly [number, bigint, bigint])[] = [
  [3, 8n << 20n, INFINITE],
  [4, 0n, INFINITE],
  [6, 63_000n, 63_000n],
  [7, 1024n, 4096n],
  [8, 8n << 20n, 8n << 20n],
];

export function newProcess(kernel: Kernel, pid: number, parent: Process | undefined): Process {
  const process: Process = {
    pid,
    parent,
    children: [],
    tasks: [],
    group: parent?.group ?? pid,
    session: parent?.session ?? pid,
    handlers: defaultHandlers(),
    shared: [],
    exiting: undefined,
    leaderStatus: undefined,
    zombie: undefined,
    stopped: undefined,
    continued: false,
    interval: 0,
    cpuTime: 0,
    exe: parent?.exe ?? '',
    commandLine: parent?.commandLine ?? new Uint8Array(0),
    subreaper: false,
    dumpable: 1,
    noNewPrivileges: parent?.noNewPrivileges ?? false,
    personality: parent?.personality ?? 0,
    limits: new Map(
      parent === undefined
        ? LIMITS.map(([id, soft, hard]) => [id, [soft, hard]])
        : structuredClone(parent.limits),
    ),
  };
  kernel.state.processes.set(pid, process);
  parent?.children.push(process);
  return process;
}

export function newTask(
  kernel: Kernel,
  tid: number,
  parts: { process: Process; mm: Mm; files: FileTable; fs: FsState; from: Task | undefined },
): Task {
  const { process, mm, files, fs, from } = parts;
  const task: Task = {
    tid,
    process,
    mm,
    files,
    fs,
    state: 'runnable',
    cpu: from?.cpu ?? 0,
    affinity: from?.affinity ?? (1n << BigInt(kernel.state.cpus.length)) - 1n,
    name: from?.name ?? '',
    registers: from?.registers.slice() ?? new BigUint64Array(WORDS),
    call: -1n,
    wait: undefined,
    entered: undefined,
    restart: undefined,
    mask: from?.mask ?? 0n,
    savedMask: undefined,
    pending: [],
    altStack: { sp: 0n, size: 0n, flags: 2 },
    trap: from?.trap ?? { number: 0, error: 0, address: 0n },
    rseq: newRseq(),
    mmCid: -1,
    clearChildTid: 0n,
    robustList: 0n,
    exitSignal: SIG.SIGCHLD,
    vfork: false,
    killed: undefined,
    ptrace: undefined,
    exitStatus: 0,
    deathSignal: 0,
  };
  process.tasks.push(task);
  kernel.state.tasks.set(tid, task);
  return task;
}
