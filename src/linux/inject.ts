/** System calls made by a tracee, as if its program had made them: for what only a process can do to itself (mmap, seccomp, rseq). */
import { ERRNO } from '../abi/errno.js';
import { SIG } from '../abi/signals.js';
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';
import { isErrno, SystemError } from './errors.js';
import { tryCall } from './libc.js';
import { readForced, writeForced } from './memory.js';
import { nap } from './nap.js';
import { hasEnded, mapsOf, threadStatus } from './procfs.js';
import * as ptrace from './ptrace.js';
import { type Change, waitFor } from './wait.js';

const SYSCALL = [0x0f, 0x05];
const ALL_SIGNALS = (1n << 64n) - 1n;

/** Where the process has a SYSCALL instruction: in the vDSO, else in other code. Undefined: nowhere. */
export function findSyscall(pid: number): bigint | undefined {
  const code = mapsOf(pid).filter(({ executable, name }) => executable && name !== '[vsyscall]');
  for (const { start, end } of [...code.filter(({ name }) => name === '[vdso]'), ...code]) {
    const bytes = readForced(pid, start, Number(end - start));
    for (let at = bytes?.indexOf(SYSCALL[0]!) ?? -1; at >= 0; at = bytes!.indexOf(SYSCALL[0]!, at + 1))
      if (bytes![at + 1] === SYSCALL[1]) return start + BigInt(at);
  }
  return undefined;
}

/** A call by name. Throws SystemError. */
export type InThread = (name: string, ...args: readonly (number | bigint)[]) => bigint;

/**
 * Makes calls in a stopped thread that is in no system call (a stop behind exec counts as none), with all signals blocked meanwhile. `instruction`: of
 * findSyscall. Its registers and signal mask are as before afterwards. What `use` makes throws SystemError where the call fails; a
 * thread that dies meanwhile is SystemError ESRCH.
 */
export function inThread<T>(tid: number, instruction: bigint, use: (call: InThread) => T): T {
  const registers = ptrace.getRegisters(tid);
  const mask = ptrace.getSignalMask(tid);
  ptrace.setSignalMask(tid, ALL_SIGNALS);
  try {
    leaveCall(tid, instruction, registers);
    return use((name, ...args) => {
      const result = callOnce(tid, instruction, registers, name, args);
      if (result < 0n && result > -4096n) throw new SystemError(`${name} in ${tid}`, Number(-result));
      return result;
    });
  } finally {
    ptrace.setRegisters(tid, registers);
    ptrace.setSignalMask(tid, mask);
  }
}

/**
 * The same in a program that may have seccomp filters of its own, which would answer these calls in their way, or kill it: they are suspended meanwhile.
 * `options`: the tracee's; `ours`: how many of its filters are ours. Throws SystemError: EACCES where there are such filters, and no permission.
 */
export function inThreadUnfiltered<T>(
  tid: number,
  instruction: bigint,
  { options, ours = 0 }: { readonly options: number; readonly ours?: number },
  use: (call: InThread) => T,
): T {
  if (!isFiltered(tid, ours)) return inThread(tid, instruction, use);
  try {
    ptrace.setOptions(tid, options | ptrace.SUSPEND_SECCOMP);
  } catch (error) {
    // EPERM: no CAP_SYS_ADMIN, or we are under seccomp ourselves. EINVAL: a kernel without it (ptrace(2)).
    if (!isErrno(error, 'EPERM', 'EINVAL')) throw error;
    throw new SystemError(
      'a call under its own seccomp filters, which only CAP_SYS_ADMIN may suspend',
      ERRNO.EACCES,
    );
  }
  try {
    return inThread(tid, instruction, use);
  } finally {
    ptrace.setOptions(tid, options);
  }
}

/** It has more filters than we have, beside `ours`; or only read, write, and _exit are left to it. */
function isFiltered(tid: number, ours: number): boolean {
  const filters = (status: ReadonlyMap<string, string> | undefined): number =>
    Number(
      status?.get('Seccomp') === '1'
        ? Number.POSITIVE_INFINITY
        : (status?.get('Seccomp_filters') ?? status?.get('Seccomp') ?? 0),
    );
  return filters(threadStatus(tid)) > filters(threadStatus(process.pid)) + ours;
}

/** A call by its name, and its arguments. */
export type ThreadCall = readonly [name: string, ...args: readonly (number | bigint)[]];

/**
 * The same for many threads of a process, all at the same time, where one behind the other would take long. `calls`: of the thread with that index, for
 * all as many. What each has returned, or -errno. Throws SystemError ESRCH where a thread has died.
 */
export function inThreads(
  tids: readonly number[],
  instruction: bigint,
  calls: (index: number) => readonly ThreadCall[],
): bigint[][] {
  const all = tids.map((tid, index) => ({
    tid,
    registers: ptrace.getRegisters(tid),
    mask: ptrace.getSignalMask(tid),
    calls: calls(index),
    results: [] as bigint[],
  }));
  try {
    for (const { tid } of all) ptrace.setSignalMask(tid, ALL_SIGNALS);
    const round = (use: (each: (typeof all)[number]) => ThreadCall) =>
      together(
        all.map((each) => [each.tid, each.registers, use(each)] as const),
        instruction,
      );
    for (const [index, after] of round(() => ['getpid']).entries())
      takeOver(after, instruction, all[index]!.registers);
    for (let turn = 0; turn < (all[0]?.calls.length ?? 0); turn++)
      for (const [index, after] of round((each) => each.calls[turn]!).entries())
        all[index]!.results.push(BigInt.asIntN(64, after.get('rax')));
    return all.map(({ results }) => results);
  } finally {
    for (const { tid, registers, mask } of all) {
      ptrace.setRegisters(tid, registers);
      ptrace.setSignalMask(tid, mask);
    }
  }
}

/** A step of each; where one fails the others have come to its end all the same. */
function together(
  steps: readonly (readonly [tid: number, before: ptrace.UserRegisters, call: ThreadCall])[],
  instruction: bigint,
): ptrace.UserRegisters[] {
  const begun: (readonly [tid: number, name: string, registers: ptrace.UserRegisters])[] = [];
  const after: ptrace.UserRegisters[] = [];
  let failed: unknown;
  const attempt = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      failed ??= error;
    }
  };
  for (const [tid, before, [name, ...args]] of steps)
    attempt(() => begun.push([tid, name, begin(tid, instruction, before, name, args)]));
  for (const each of begun) attempt(() => after.push(finish(...each)));
  if (failed !== undefined) throw failed;
  return after;
}

/**
 * A thread that is stopped behind exec has yet to leave that call, which takes a step and overwrites rax: that value is what the program is to find. A
 * thread that is in no call makes a getpid(2).
 */
function leaveCall(tid: number, instruction: bigint, before: ptrace.UserRegisters): void {
  takeOver(step(tid, instruction, before, 'getpid', []), instruction, before);
}

function takeOver(after: ptrace.UserRegisters, instruction: bigint, before: ptrace.UserRegisters): void {
  if (after.get('rip') === instruction)
    for (const name of ['rax', 'orig_rax']) before.set(name, after.get(name));
}

function callOnce(
  tid: number,
  instruction: bigint,
  before: ptrace.UserRegisters,
  name: string,
  args: readonly (number | bigint)[],
): bigint {
  const after = step(tid, instruction, before, name, args);
  if (after.get('rip') !== instruction + BigInt(SYSCALL.length))
    throw new SystemError(`${name} in ${tid}`, ERRNO.ESRCH);
  return BigInt.asIntN(64, after.get('rax'));
}

const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];

/** One step at the instruction, with what the call needs in the registers; the registers behind it. */
const step = (
  tid: number,
  instruction: bigint,
  before: ptrace.UserRegisters,
  name: string,
  args: readonly (number | bigint)[],
): ptrace.UserRegisters => finish(tid, name, begin(tid, instruction, before, name, args));

function begin(
  tid: number,
  instruction: bigint,
  before: ptrace.UserRegisters,
  name: string,
  args: readonly (number | bigint)[],
): ptrace.UserRegisters {
  const registers = new ptrace.UserRegisters(before.words.slice());
  registers.set('rax', BigInt(SYSCALLS_X86_64[name]!));
  // No call is under way: nothing is to be restarted.
  registers.set('orig_rax', ALL_SIGNALS);
  registers.set('rip', instruction);
  for (const [index, value] of args.entries())
    registers.set(ARGUMENTS[index]!, BigInt.asUintN(64, BigInt(value)));
  ptrace.setRegisters(tid, registers);
  ptrace.singleStep(tid);
  return registers;
}

function finish(tid: number, name: string, registers: ptrace.UserRegisters): ptrace.UserRegisters {
  const early: number[] = [];
  for (;;) {
    const change = waitForStep(tid);
    if (change?.kind === 'signal' && change.signal === SIG.SIGTRAP) {
      for (const signal of early) tryCall('tkill', tid, signal);
      return ptrace.getRegisters(tid, registers);
    }
    // SIGSTOP cannot be blocked: it comes again when the step is over, no sooner, or there is none.
    if (change?.kind === 'signal') early.push(change.signal);
    else if (change?.kind !== 'event') throw new SystemError(`${name} in ${tid}`, ERRNO.ESRCH);
    ptrace.singleStep(tid);
  }
}

/**
 * The next change of a thread that makes a call; undefined: it is gone. wait4(2) says nothing of a first thread that has ended as long as others of its process have
 * not been waited for (kernel/exit.c, delay_group_leader), which only we could do: so it does not block here.
 */
function waitForStep(tid: number): Change | undefined {
  for (let looks = 0; ; looks++) {
    const change = waitFor(tid, false);
    if (change !== undefined) return change;
    if (looks < AWAKE) tryCall('sched_yield');
    else {
      const status = threadStatus(tid);
      if (status === undefined || hasEnded(status.get('State'))) return undefined;
      nap(Math.min(looks * NAP, LONGEST_NAP));
    }
  }
}
/** Looks without a sleep in between: most calls take microseconds. */
const AWAKE = 50;
/** Milliseconds, longer and longer. */
const NAP = 0.001;
const LONGEST_NAP = 5;

/** Bytes in a tracee's memory for as long as `use` runs: `call` of inThread maps and unmaps them. */
export function withBytes<T>(
  pid: number,
  call: InThread,
  bytes: (address: bigint) => Uint8Array,
  use: (address: bigint) => T,
): T {
  const size = bytes(0n).length;
  const READ_WRITE = 3;
  const PRIVATE_ANONYMOUS = 0x22;
  const address = call('mmap', 0, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
  try {
    writeForced(pid, address, bytes(address));
    return use(address);
  } finally {
    call('munmap', address, size);
  }
}
