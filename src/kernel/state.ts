/**
 * Everything the simulated kernel knows, as plain data: objects, arrays, maps, typed arrays, numbers, bigints and strings, without methods,
 * closures or handles of the host. So a state can be copied whole (structuredClone keeps shared references) and compared. Memory is not in
 * it: each `Mm` has a machine of its own by number (spaces.ts). Times are nanoseconds of the virtual clock.
 */
import type { Addr } from '../abi/address.js';
import type { Fold } from '../machine/fold.js';
import type { DirectoryNode, OpenFile, TreeNode } from './files/file.js';
import type { MemoryObject } from './mm/object.js';
import type { PageTable } from './mm/pages.js';
import type { Scenario } from './scenario/parts.js';
import type { ThreadTemplate } from './scenario/thread-template.js';

export interface KernelState {
  /** Nanoseconds since boot. */
  clock: number;
  /** Instructions of programs that were run. */
  instructions: number;
  readonly cpus: CpuState[];
  readonly tasks: Map<number, Task>;
  readonly processes: Map<number, Process>;
  /** Address spaces in use, by their number. */
  readonly mms: Map<number, Mm>;
  /** Pages that hold something, all together; never too low (see mm/charge.ts). */
  resident: number;
  /** Files that programs made, by where they are mounted: /tmp, /dev/shm. */
  readonly mounts: Map<string, DirectoryNode>;
  /** Files of the host that programs have looked at, by path. */
  readonly hostFiles: Map<string, TreeNode>;
  /** Who waits for what, first come first served: see wait.ts. */
  readonly waiters: Map<string, Task[]>;
  timers: Timer[];
  nextPid: number;
  /** The first program, which is everybody's ancestor. */
  firstPid: number;
  /** For getrandom(2), AT_RANDOM, /dev/urandom. */
  readonly random: Uint32Array;
  nextId: number;
  /** Status of the first process, once it has ended: as of wait4(2). */
  status: number | undefined;
  /** System calls that were answered with ENOSYS: each is reported once. */
  readonly unknownCalls: Set<number>;
  scenario: ScenarioState | undefined;
  /** A system call that stands still until the host has input for it. Nothing else happens before: time of the host is no time here. */
  input: PendingInput | undefined;
}

/** A scenario under way (include/rseqlab.h). */
export interface ScenarioState extends Scenario {
  phase: 'setup' | 'threads' | 'tasks' | 'invariant' | 'finally';
  /** Addresses: where its functions return to, and signal handlers. */
  readonly returnTo: number;
  readonly restorer: number;
  /** Where the functions of tracers return to. */
  readonly released: number;
  /** Of tasks that are calls: where each returns to, its arguments; and buffers. */
  readonly calls?: readonly { readonly returnTo: number; readonly arguments: readonly bigint[] }[];
  readonly buffers?: readonly { readonly name: string; readonly start: number; readonly size: number }[];
  /** Thread-local variables, where there are some. */
  readonly threads?: ThreadTemplate;
  /** The scenario is one of an executable, whose start code has run. */
  readonly program?: {
    /** Stack pointer of the first thread, as functions find it. */
    readonly stack: bigint;
    /** pthread_create; undefined where the program has no C library. */
    readonly create: number | undefined;
    /** A word for what it returns, and where threads wait until all are there. */
    readonly slot: number;
    readonly gate: number;
    /** Threads that were made, and those that have come to the gate. */
    begun: number;
    readonly arrived: { readonly task: number; readonly tid: number }[];
  };
  readonly results: { readonly task: string; readonly value: bigint }[];
  failure: string | undefined;
}

export interface PendingInput {
  readonly task: Task;
  readonly arguments: readonly bigint[];
  readonly resumed: Wait | undefined;
  /** The turn that it broke off before any instruction was run: the policy is not asked again. */
  turn: Turn | undefined;
}

/** Of the first program, unless an image brings its own. */
export const FIRST_PID = 1000;

/** A simulated CPU. */
export interface CpuState {
  readonly id: number;
  current: Task | undefined;
  /** Runnable threads that are not running, the next first. */
  queue: Task[];
  /** The current thread must give way when it next leaves the kernel (TIF_NEED_RESCHED). */
  reschedule: boolean;
  /** A thread of the kernel's own runs before the next one: it only takes the CPU, or (migration/N) sends the current thread to CPU `to`. */
  visitor: { readonly to: number | undefined } | undefined;
  /** Clock when the current thread was switched to. */
  since: number;
}

/** What a CPU does next: so many instructions, and then perhaps an interrupt. */
export interface Turn {
  /** Has a current thread. */
  readonly cpu: CpuState;
  /** 0: the end comes at once. */
  readonly instructions: number;
  readonly end: TurnEnd;
  /** Where `migrate` sends the thread. */
  readonly to?: number;
  /** What happens before. */
  readonly acts?: readonly Act[];
}

/**
 * How a turn ends if nothing else ends it:
 *   continue   with nothing that the program could notice
 *   tick       an interrupt that changes nothing, such as a timer's
 *   preempt    an interrupt after which another thread of the queue runs, or where there is none a thread of the kernel for a moment
 *   migrate    an interrupt after which the thread goes to another CPU (load balancing, migration/N)
 */
export type TurnEnd = 'continue' | 'tick' | 'preempt' | 'migrate';

/** Something from outside of all programs. */
export type Act =
  /** A waiting thread is moved to another CPU's queue; without effect where it runs or may not go there. */
  | { readonly kind: 'move'; readonly tid: number; readonly to: number }
  /** As by kill(2) of nobody. */
  | { readonly kind: 'signal'; readonly tid: number; readonly signal: number };

/** A thread (struct task_struct). */
export interface Task {
  readonly tid: number;
  process: Process;
  mm: Mm;
  files: FileTable;
  /** Working directory and umask. */
  fs: FsState;
  state: 'runnable' | 'blocked' | 'stopped' | 'traced' | 'dead';
  /** Of a dead one: waits to be waited for, by its parent or its tracer (exit_state); `trace`: by its parent, when the tracer has seen it. */
  exitState: 'zombie' | 'trace' | 'dead' | undefined;
  /** Where it runs, or ran last. */
  cpu: number;
  /** CPUs it may run on: bit n for CPU n. */
  affinity: bigint;
  name: string;
  /** Register state as it is in the machine's memory: [0, STATE_SIZES[its architecture]). The machine's own copy counts only while instructions run. */
  readonly registers: BigUint64Array;
  /** The system call under way, or the last one: its number decides about restarts (orig_rax); -1n: none. */
  call: bigint;
  /** Its first argument, where the result takes the register (orig_x0 of AArch64). */
  argument: bigint;
  /** What it waits for in a system call. */
  wait: Wait | undefined;
  /** Arguments of a system call that it has entered and not begun: it gave its CPU away first (end of a time slice extension). */
  entered: readonly bigint[] | undefined;
  /** What it does when it goes on after a stop for its tracer. */
  after: After | undefined;
  /** For restart_syscall(2) (struct restart_block): the call, and what its handler in syscalls/restart.ts wants back. */
  restart: { readonly call: string; readonly data: unknown } | undefined;
  /** There may be signals or stops to look at (TIF_SIGPENDING). */
  signalPending: boolean;
  /** Blocked signals: bit n - 1 for signal n. */
  mask: bigint;
  /** The mask while rt_sigtimedwait(2) waits for some of the blocked signals; else 0. */
  realBlocked: bigint;
  /** To be put back when no handler runs (sigsuspend, ppoll). */
  savedMask: bigint | undefined;
  pending: Signal[];
  altStack: { sp: bigint; size: bigint; flags: number };
  /** Its last fault, as signal handlers see it in their context (struct thread_struct: trap_nr, error_code, cr2). */
  trap: { readonly number: number; readonly error: number; readonly address: bigint };
  rseq: Rseq;
  /** mm_cid, while it runs on a CPU or (since 6.19) ran last; -1 none. */
  mmCid: number;
  clearChildTid: bigint;
  robustList: bigint;
  exitSignal: number;
  /** Parent waits until this thread execs or exits (vfork). */
  vfork: boolean;
  /** Being killed: takes effect when it next leaves the kernel. The status of wait4(2). */
  killed: number | undefined;
  jobctl: JobControl;
  ptrace: Ptrace | undefined;
  /** The tracer of its scenario runs in its place (scenario/tracer.ts). */
  traced: Traced | undefined;
  /** The tracer of its scenario is to stop it: where that begins. */
  tracerDue: Addr | undefined;
  /** The signal that it is stopped with for its tracer (last_siginfo). */
  stopInfo: Signal | undefined;
  /** What Arch.direction held before it stopped at a call's begin or end. */
  directed: { readonly register: number; readonly value: bigint } | undefined;
  /** Status of the stop that its tracer has not seen yet, or of its end (exit_code). */
  exitCode: number;
  /** PR_SET_PDEATHSIG. */
  deathSignal: number;
  /** Programs that its parent had executed when it was born (parent_exec_id): an exit signal of its own is only for that program. */
  parentExecs: number;
  /** Instructions that it has run, and nanoseconds in system calls. */
  cpuTime: number;
  systemTime: number;
  /** What was asked for with nice(2), sched_setscheduler(2): remembered, not acted upon. */
  nice: number;
  policy: { readonly id: number; readonly priority: number; readonly resetOnFork: boolean };
}

/** task_struct::jobctl (include/linux/sched/jobctl.h). */
export interface JobControl {
  /** Must stop with its process (STOP_PENDING), counts among those it waits for (STOP_CONSUME), and the signal. */
  stop: boolean;
  consume: boolean;
  signal: number;
  /** A stop signal was taken that no SIGCONT has undone since (STOP_DEQUEUED). */
  dequeued: boolean;
  /** Must stop for its tracer: PTRACE_INTERRUPT or a group stop; because a group stop began or ended. */
  trap: boolean;
  notify: boolean;
  /** PTRACE_LISTEN. */
  listening: boolean;
  /** A tracer waits until it has gone from its stop into one for the tracer (TRAPPING). */
  trapping: boolean;
}

/**
 * Legend:
 *   entry    the system call that it has entered
 *   report   takes the tracer's signal, if any, and goes on (syscall-exit-stop)
 *   trap     goes on; a signal from the tracer means nothing (event and group stops)
 *   signal   delivers the signal that the tracer left of this one
 *   exit     ends with this status
 */
export type After =
  | { readonly kind: 'entry' | 'report' | 'trap' }
  | { readonly kind: 'signal'; readonly shared: boolean }
  | { readonly kind: 'exit'; readonly status: number };

/** Of a task that stands still while the tracer of its scenario runs in its place. */
export interface Traced {
  /** Its registration: the tracer has none. */
  readonly rseq: Rseq;
  /** Where it ran. */
  readonly cpu: number;
  readonly mmCid: number;
  /** Its registers, as in a signal's frame (signal/frame.ts). */
  readonly frame: bigint;
}

/** What a tracer knows of a thread (kernel/ptrace.c). */
export interface Ptrace {
  /** Only this thread may give orders. */
  readonly tracer: Task;
  readonly seized: boolean;
  /** PTRACE_O_*. */
  options: number;
  /** For PTRACE_GETEVENTMSG. */
  message: bigint;
  /** How it was resumed: up to the next system call's begin or end, by one instruction. `emulate`: system calls are not done (SYSEMU). */
  syscalls: boolean;
  emulate: boolean;
  step: boolean;
}

/** Thread group (struct signal_struct, sighand_struct). */
export interface Process {
  readonly pid: number;
  /** Undefined: init, which waits for everybody at once. */
  parent: Process | undefined;
  /** The thread of the parent that made it (real_parent). */
  parentThread: Task | undefined;
  readonly children: Process[];
  tasks: Task[];
  group: number;
  session: number;
  handlers: Handler[];
  shared: Signal[];
  /** exit_group(2) or a fatal signal: the status for all threads. */
  exiting: number | undefined;
  /** A thread is in execve(2): the others must end (group_exec_task). */
  executing: Task | undefined;
  /** execve(2)s (self_exec_id). */
  execs: number;
  stop: GroupStop;
  itimers: { real: IntervalTimer; virtual: IntervalTimer; prof: IntervalTimer };
  posixTimers: Map<number, PosixTimer>;
  nextTimer: number;
  /** Instructions of all its threads, ended ones too, and nanoseconds in system calls. */
  cpuTime: number;
  systemTime: number;
  exe: string;
  commandLine: Uint8Array;
  /** PR_SET_CHILD_SUBREAPER. */
  subreaper: boolean;
  /** PR_SET_DUMPABLE. */
  dumpable: number;
  /** PR_SET_NO_NEW_PRIVS. */
  noNewPrivileges: boolean;
  /** personality(2): kept, and without effect. */
  personality: number;
  limits: Map<number, [soft: bigint, hard: bigint]>;
}

/** A stop of the whole process (struct signal_struct: group_stop_count, flags, group_exit_code). */
export interface GroupStop {
  /** Threads that have still to stop. */
  count: number;
  stopped: boolean;
  continued: boolean;
  /** What the parent must still be told, by the thread that goes on first. */
  tell: 'stopped' | 'continued' | undefined;
  /** The signal; 0 where wait4(2) has told it. */
  code: number;
}

/** setitimer(2). Nanoseconds: of the clock, or of CPU time. */
export interface IntervalTimer {
  /** 0: not running. */
  expires: number;
  interval: number;
}

/** timer_create(2) (struct k_itimer). */
export interface PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly notify: 'signal' | 'thread' | 'none';
  readonly signal: number;
  readonly value: bigint;
  /** SIGEV_THREAD_ID: who gets the signal. */
  readonly target: Task | undefined;
  /** Whose time CLOCK_THREAD_CPUTIME_ID is. */
  readonly owner: Task;
  /** By its own clock; 0: not running. */
  expires: number;
  interval: number;
  /** Its signal is under way: until that is taken, it does not run. */
  queued: boolean;
  /** Of the signal last taken, and of the next. */
  overrun: number;
  missed: number;
}

/** struct k_sigaction. */
export interface Handler {
  readonly handler: bigint;
  readonly flags: number;
  readonly restorer: bigint;
  readonly mask: bigint;
}

/** A signal on its way (struct kernel_siginfo). */
export interface Signal {
  readonly number: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  /** si_addr, or si_value, or si_status, by the signal and code. */
  readonly address: bigint;
  readonly value: bigint;
  readonly status: number;
  /** Forced by a fault: neither ignored nor blocked. */
  readonly forced: boolean;
  /** struct siginfo as the sender made it (rt_sigqueueinfo(2), PTRACE_SETSIGINFO). */
  readonly bytes?: Uint8Array;
  /** The timer that sent it. */
  readonly timer?: PosixTimer;
}

/** What the kernel keeps of a thread's rseq (up to 6.18 task_struct::rseq, rseq_len, rseq_sig, rseq_event_mask; since 6.19 struct rseq_data). */
export interface Rseq {
  /** 0: not registered. */
  pointer: bigint;
  length: number;
  signature: number;
  flags: number;
  /** What happened since the thread last left the kernel: reported with an abort. */
  readonly causes: Set<'preempt' | 'signal' | 'migrate' | 'membarrier'>;
  /** The same as the kernel has it, up to 6.18 (rseq_event_mask): bits as those of NO_RESTART; only a look at an interrupted section clears it. */
  mask: number;
  /** Must be looked at on the way out (TIF_NOTIFY_RESUME; since 6.19 event.sched_switch). */
  notify: boolean;
  /** The thread came into the kernel by an interrupt or a fault, not by a system call (6.19: event.user_irq). */
  interrupted: boolean;
  /** The CPU or mm_cid is another than that in memory (6.19: event.ids_changed). */
  idsChanged: boolean;
  /** What the kernel last wrote (since 6.19, and with debug since 6.15): unsigned. */
  ids: RseqIds;
  /** Time slice extension (7.0). */
  readonly slice: RseqSlice;
}

/** The fields of struct rseq that belong to the kernel. */
export interface RseqIds {
  readonly cpuIdStart: number;
  readonly cpuId: number;
  readonly nodeId: number;
  readonly mmCid: number;
}

/** struct rseq_slice (include/linux/rseq_types.h). */
export interface RseqSlice {
  enabled: boolean;
  granted: boolean;
  yielded: boolean;
  /** The next system call ends the grant (SYSCALL_WORK_SYSCALL_RSEQ_SLICE). */
  work: boolean;
  /** Clock. */
  expires: number;
}

/** Memory map of one address space (struct mm_struct). */
export interface Mm {
  readonly id: number;
  users: number;
  /** Sorted by start; never overlapping. */
  areas: Area[];
  readonly pages: PageTable;
  /** How its addresses lie in the machine's memory, where they are those of a real process (machine/fold.ts). */
  readonly fold: Fold | undefined;
  /** mlockall(MCL_FUTURE). */
  lockFuture: boolean;
  /** It wanted more than there is: whoever uses it is killed on leaving the kernel (mm/oom.ts). */
  outOfMemory: boolean;
  brkStart: number;
  brk: number;
  /** Bits of membarrier registrations: see membarrier.ts. */
  membarrier: number;
  auxv: Uint8Array;
  /** Where annotated calls return to, of the program (sections/call-sites.ts). */
  callSites: readonly number[];
  /** Where signal handlers return to that name no place (SA_RESTORER); 0: there is none. */
  sigreturn: bigint;
  stackStart: number;
  argStart: number;
  argEnd: number;
  envStart: number;
  envEnd: number;
}

/** A mapping (struct vm_area_struct). Addresses are below 4 GiB, but for those that an image of a real process brings. */
export interface Area {
  start: number;
  end: number;
  /** PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
  protection: number;
  /** What mprotect(2) may ask for (VM_MAYREAD and others). */
  allowed: number;
  shared: boolean;
  /** What it shows; undefined: private anonymous memory. */
  object: MemoryObject | undefined;
  /** Of `object`, in bytes. */
  offset: number;
  /** For /proc/PID/maps, where the object has none. */
  name: string;
  growsDown: boolean;
  /** MADV_DONTFORK, MADV_WIPEONFORK. */
  dontFork: boolean;
  wipeOnFork: boolean;
  locked: boolean;
}

export interface FileTable {
  users: number;
  descriptors: (Descriptor | undefined)[];
}

export interface Descriptor {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

export interface FsState {
  users: number;
  cwd: string;
  umask: number;
}

/** A thread that waits inside a system call. The call is made again, with this, when the wait is over. */
export interface Wait {
  readonly keys: readonly string[];
  /** Clock; undefined: for ever. */
  readonly deadline: number | undefined;
  readonly interruptible: boolean;
  /** What the system call wants back. */
  readonly data: unknown;
  /** Why it is over; undefined while it waits. */
  ended: 'woken' | 'timeout' | 'signal' | undefined;
  readonly arguments: readonly bigint[];
}

/** Something that happens at a time. */
export type Timer = { readonly at: number; readonly order: number } & (
  | { readonly kind: 'wait'; readonly task: Task; readonly wait: Wait }
  | { readonly kind: 'alarm'; readonly process: Process }
  | { readonly kind: 'posix'; readonly process: Process; readonly timer: PosixTimer }
  | { readonly kind: 'slice'; readonly task: Task }
  | { readonly kind: 'signal'; readonly task: Task; readonly signal: number }
);
