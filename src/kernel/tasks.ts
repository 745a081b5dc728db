import { SIG } from '../abi/signals.js';
import { STATE_SIZES } from '../machine/state.js';
import type { Kernel } from './kernel.js';
import { newRseq } from './rseq/registration.js';
import type { FileTable, FsState, Handler, JobControl, Mm, Process, Task } from './state.js';

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

const noTimer = () => ({ expires: 0, interval: 0 });

const noJobControl = (): JobControl => ({
  stop: false,
  consume: false,
  signal: 0,
  dequeued: false,
  trap: false,
  notify: false,
  listening: false,
  trapping: false,
});

export function newProcess(kernel: Kernel, pid: number, parent: Process | undefined): Process {
  const process: Process = {
    pid,
    parent,
    parentThread: undefined,
    children: [],
    tasks: [],
    group: parent?.group ?? pid,
    session: parent?.session ?? pid,
    handlers: defaultHandlers(),
    shared: [],
    exiting: undefined,
    executing: undefined,
    execs: parent?.execs ?? 0,
    stop: { count: 0, stopped: false, continued: false, tell: undefined, code: 0 },
    itimers: { real: noTimer(), virtual: noTimer(), prof: noTimer() },
    posixTimers: new Map(),
    nextTimer: 0,
    cpuTime: 0,
    systemTime: 0,
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
    exitState: undefined,
    cpu: from?.cpu ?? 0,
    affinity: from?.affinity ?? (1n << BigInt(kernel.state.cpus.length)) - 1n,
    name: from?.name ?? '',
    registers: from?.registers.slice() ?? new BigUint64Array(STATE_SIZES[kernel.arch.name] / 8),
    call: -1n,
    argument: 0n,
    wait: undefined,
    entered: undefined,
    after: undefined,
    restart: undefined,
    signalPending: false,
    realBlocked: 0n,
    mask: from?.mask ?? 0n,
    savedMask: undefined,
    pending: [],
    altStack: { sp: 0n, size: 0n, flags: from === undefined ? 0 : 2 },
    trap: from?.trap ?? { number: 0, error: 0, address: 0n },
    rseq: newRseq(),
    mmCid: -1,
    clearChildTid: 0n,
    robustList: 0n,
    exitSignal: SIG.SIGCHLD,
    vfork: false,
    killed: undefined,
    jobctl: noJobControl(),
    ptrace: undefined,
    traced: undefined,
    tracerDue: undefined,
    stopInfo: undefined,
    directed: undefined,
    exitCode: 0,
    deathSignal: 0,
    parentExecs: process.parent?.execs ?? 0,
    cpuTime: 0,
    systemTime: 0,
    nice: from?.nice ?? 0,
    policy: from?.policy ?? { id: 0, priority: 0, resetOnFork: false },
  };
  process.tasks.push(task);
  kernel.state.tasks.set(tid, task);
  return task;
}
