import { leaveMemory } from '../../kernel/exit.js';
import { switchedOut } from '../../kernel/rseq/events.js';
import type { Task } from '../../kernel/state.js';
import { enterCall } from '../../kernel/syscalls/perform.js';
import type { Access } from './access.js';
import type { Bad } from './bad.js';
import type { Place } from './local.js';
import { Queues } from './queues.js';
import { isKnownWait, STANDING } from './standing.js';
import { addressIn } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** What a system call of a program came to. */
interface ProgramCall {
  /** Where the task is behind it; undefined: back on its way to the program. */
  readonly place?: Place;
  readonly bad?: Bad;
}

const MADV_DONTNEED = 4n;

type Row = (calls: ProgramCalls, task: Task, index: number, access: Access) => ProgramCall | string;

/** System calls that threads of a program may make besides those of scenarios. A string says why one cannot be explored after all. */
const ROWS: Readonly<Record<string, Row>> = {
  futex: (calls, task, index, access) => calls.futex(task, index, access),
  nanosleep: (calls, task, index, access) => calls.sleep(task, index, access),
  clock_nanosleep: (calls, task, index, access) => calls.sleep(task, index, access),
  exit: (calls, task, index, access) => calls.exit(task, index, access),
  exit_group: (calls, task, index, access) => calls.exitGroup(task, index, access),
  write: (calls, task) => calls.output(task),
  writev: (calls, task) => calls.output(task),
  madvise: (calls, task, index) => calls.giveBack(task, index),
  munmap: (calls, task, _, access) => calls.unmap(task, access),
  tgkill: (calls, task) => calls.raise(task, calls.argument(task, 1)),
  tkill: (calls, task) => calls.raise(task, calls.argument(task, 0)),
  set_robust_list: (calls, task) => calls.plain(task),
  set_tid_address: (calls, task) => calls.plain(task),
  sched_getaffinity: (calls, task) => calls.plain(task),
};

/** Those that tasks of a scenario may make, which do not end the program, and give back no memory. */
const OF_SCENARIOS: readonly string[] = [
  'futex',
  'nanosleep',
  'clock_nanosleep',
  'write',
  'writev',
  'tgkill',
  'tkill',
];

/** System calls of programs under way: each is done by the simulated kernel where others have a part in it, or has no effect that anybody could see. */
export class ProgramCalls {
  private readonly rows: ReadonlyMap<number, Row>;

  constructor(private readonly world: World) {
    const { syscalls } = world.kernel.arch;
    const names = Object.keys(ROWS).filter((name) => world.begun || OF_SCENARIOS.includes(name));
    this.rows = new Map(names.map((name) => [syscalls[name]!, ROWS[name]!]));
  }

  argument({ registers }: Task, n: number): bigint {
    return registers[this.world.kernel.arch.arguments[n]!]!;
  }

  /** Undefined of a call that is none of these. */
  call(number: number, task: Task, index: number, access: Access): ProgramCall | string | undefined {
    return this.rows.get(number)?.(this, task, index, access);
  }

  futex(task: Task, index: number, access: Access): ProgramCall | string {
    const queues = new Queues(this.world, access, index);
    enterCall(this.world.kernel, task);
    const { wait } = task;
    queues.settle();
    task.wait = wait;
    return this.blocked(task);
  }

  sleep(task: Task, index: number, access: Access): ProgramCall | string {
    enterCall(this.world.kernel, task);
    this.world.kernel.state.timers = [];
    if (task.state === 'blocked') {
      if (!isKnownWait(task.wait!)) return ' by the time that the process has run';
      access.setStanding(index, STANDING.alone);
    }
    return this.blocked(task);
  }

  private blocked(task: Task): ProgramCall {
    if (task.state !== 'blocked') return {};
    switchedOut(this.world.kernel, task);
    return { place: { kind: 'asleep' } };
  }

  exit(task: Task, index: number, access: Access): ProgramCall {
    const status = Number(this.argument(task, 0) & 0xffn);
    const queues = new Queues(this.world, access, index);
    leaveMemory(this.world.kernel, task);
    queues.settle();
    access.setStanding(index, STANDING.ended);
    // The last thread's status is that of the process.
    if (queues.others === 0 && status !== 0) return { bad: ends(status) };
    return { place: { kind: 'finished' } };
  }

  exitGroup(task: Task, index: number, access: Access): ProgramCall {
    const status = Number(this.argument(task, 0) & 0xffn);
    if (status !== 0) return { bad: ends(status) };
    const { others } = new Queues(this.world, access, index);
    return { place: others === 0 ? { kind: 'finished' } : { kind: 'finished', over: true } };
  }

  /** Standard output and error, which nobody reads. */
  output(task: Task): ProgramCall | string {
    const inode = task.files.descriptors[Number(this.argument(task, 0) & 0xffff_ffffn)]?.file.inode;
    if (inode !== undefined && (inode.kind !== 'stream' || inode.stream === 0))
      return ' to a file that is not standard output or standard error';
    return this.plain(task);
  }

  /** Parts of the thread's own stack that it does not use: they hold 0 from now on. */
  giveBack(task: Task, index: number): ProgramCall | string {
    const { arch } = this.world.kernel;
    const [from, size] = [Number(this.argument(task, 0)), Number(this.argument(task, 1))];
    const advice = this.argument(task, 2);
    const window = this.world.windows[index]!;
    const end = Number(task.registers[arch.stackPointer]!) - arch.convention.redZone;
    // A page that nobody may use may stand below it.
    const isGuard = this.world.main.mm.areas.every(
      (area) => area.end <= from || area.start >= window.start || area.protection === 0,
    );
    const inStack = end > window.start && end < window.end && from + size <= end && isGuard;
    if (advice !== MADV_DONTNEED || !inStack) return ' for memory that is not unused stack of its own';
    for (const [word, value] of this.own ?? [])
      if (value !== 0n) {
        const at = addressIn(window, word * WORD);
        if (at >= from && at < from + size) this.world.machine.store(BigInt(at), 0n, WORD);
      }
    return this.answer(task, 0n);
  }
  /** Words of the acting task's own memory. */
  own: Iterable<readonly [number, bigint]> | undefined;

  /** Memory that nobody uses any more: an assumption (document.ts). Not that of a thread that is there. */
  unmap(task: Task, access: Access): ProgramCall | string {
    const [from, size] = [Number(this.argument(task, 0)), Number(this.argument(task, 1))];
    for (const [index, { start, end }] of this.world.windows.entries()) {
      if (from + size <= start || end <= from) continue;
      if (access.standing(index) !== STANDING.ended) return ' of the stack of a thread that has not ended';
    }
    return this.answer(task, 0n);
  }

  /** A signal of a thread to itself. */
  raise(task: Task, tid: bigint): ProgramCall | string {
    if (Number(tid & 0xffff_ffffn) !== task.tid) return ' to send a signal to another thread';
    return this.plain(task);
  }

  plain(task: Task): ProgramCall {
    enterCall(this.world.kernel, task);
    return {};
  }

  /** Without the kernel: nothing has changed that is looked at. */
  private answer(task: Task, value: bigint): ProgramCall {
    const { arch } = this.world.kernel;
    arch.enterCall(task);
    task.registers[arch.result] = value;
    return {};
  }
}

const ends = (status: number): Bad => ({ kind: 'exit', text: `the program ends with status ${status}` });
