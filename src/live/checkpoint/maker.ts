/** What an image says of a process, its threads and itself, in a process that is to become it: by system calls that it is made to make. */
import { release } from 'node:os';
import { SIG } from '../../abi/signals.js';
import type { OpenImage } from '../../checkpoint/codec.js';
import type { MemoryLayoutImage, ProcessImage, ThreadImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { type InThread, inThread, withBytes } from '../../linux/inject.js';
import * as ptrace from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';
import {
  limitsOf,
  RLIMIT_NOFILE,
  raiseLimit,
  raiseLimits,
  setAttributes,
  setFileAttributes,
  setLimits,
} from './attributes.js';
import { checkCredentials, setCredentials } from './credentials.js';
import { firstFree, type ObjectDescriptors, openIn, textBytes } from './make-descriptors.js';
import { makeFiles } from './make-files.js';
import { adviseMemory, fillMemory, makeMemory, sealObjects } from './make-memory.js';
import { setOwn } from './own.js';
import { Unsupported } from './refusal.js';
import { setIntervalTimers, setPosixTimers } from './timers.js';

const PAGE = 4096n;
const PR_SET_MM = 35;
const PR_SET_MM_MAP = 14;
const PR_SET_NAME = 15;
const PR_SET_NO_NEW_PRIVS = 38;
const NT_X86_XSTATE = 0x202;
const SIGNALS = 64;
const DEFAULT = { handler: 0n, flags: 0n, restorer: 0n, mask: 0n };
/** CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM. */
const THREAD_FLAGS = 0x0005_0f00;
/** Descriptors of ours, above those of the image, while it is made. */
const SPARE = 16;

/** clone3(2) with the id that is to be; needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
export function clone(pid: number, call: InThread, flags: number, id: number): number {
  const args = (address: bigint): Uint8Array => {
    const words = new BigUint64Array(12);
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup.
    words[0] = BigInt(flags);
    words[8] = address + 88n;
    words[9] = 1n;
    words[11] = BigInt(id);
    return new Uint8Array(words.buffer);
  };
  try {
    return Number(withBytes(pid, call, args, (address) => call('clone3', address, 88)));
  } catch (error) {
    if (isErrno(error, 'EEXIST'))
      throw new Unsupported(`the id ${id} is in use; wait until its process has ended`);
    if (isErrno(error, 'EINVAL'))
      throw new Unsupported(
        `the id ${id} is more than this kernel gives out (/proc/sys/kernel/pid_max); raise that`,
      );
    if (isErrno(error, 'EPERM'))
      throw new Unsupported(
        'not permitted to choose ids of processes; run as root, or grant CAP_CHECKPOINT_RESTORE',
      );
    throw error;
  }
}

/** A new thread or process comes to its first stop. */
export function awaitStop(tid: number): void {
  const change = waitFor(tid);
  if (change?.kind !== 'event') throw new Unsupported(`thread ${tid} has ended at once`);
}

const fromBase64 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'base64'));

/** The state as this processor's XSAVE has it: an image of a simulated process has no more than the x87 and SSE. */
function extendedFor(tid: number, bytes: Uint8Array): Uint8Array {
  const here = new Uint8Array(ptrace.getRegisterSet(tid, NT_X86_XSTATE));
  if (bytes.length >= here.length) return bytes;
  const whole = new Uint8Array(here.length);
  whole.set(bytes);
  return whole;
}

/** The words that struct prctl_mm_map begins with, in its order (include/uapi/linux/prctl.h). */
const MM_MAP_WORDS = [
  'startCode', 'endCode', 'startData', 'endData', 'startBrk', 'brk', 'startStack', 'argStart', 'argEnd', 'envStart', 'envEnd',
] as const satisfies readonly (keyof MemoryLayoutImage)[]; // biome-ignore format: a list

export class Maker {
  private objects: ObjectDescriptors = [];

  constructor(
    private readonly pid: number,
    private readonly instruction: bigint,
    private readonly open: OpenImage,
  ) {}

  private get image(): ProcessImage {
    return this.open.image;
  }

  private in<T>(tid: number, use: (call: InThread) => T): T {
    return inThread(tid, this.instruction, use);
  }

  async memory(): Promise<void> {
    const { image, pid } = this;
    const room = BigInt(
      firstFree(image) + (image.objects?.length ?? 0) + 2 * (image.pipes?.length ?? 0) + SPARE,
    );
    const [soft, hard] = limitsOf(pid)[RLIMIT_NOFILE]!;
    if (soft < room) raiseLimit(pid, RLIMIT_NOFILE, [room, room > hard ? room : hard]);
    this.objects = this.in(pid, (call) => makeMemory(pid, call, this.open, this.instruction));
    await fillMemory(pid, this.open);
  }

  /** What all threads share. */
  process(): void {
    const { image, pid } = this;
    this.in(pid, (call) => {
      makeFiles(pid, call, this.open, this.objects);
      sealObjects(call, image.objects ?? [], this.objects);
      this.layout(call);
      // Also those that are default: ours ignores SIGPIPE.
      for (let signal = 1; signal <= SIGNALS; signal++) {
        if (signal === SIG.SIGKILL || signal === SIG.SIGSTOP) continue;
        const action = image.actions.find((each) => each.signal === signal);
        const { handler, flags, restorer, mask } = action ?? DEFAULT;
        const bytes = new Uint8Array(new BigUint64Array([handler, flags, restorer, mask]).buffer);
        withBytes(
          pid,
          call,
          () => bytes,
          (address) => call('rt_sigaction', signal, address, 0, 8),
        );
      }
      withBytes(pid, call, textBytes(image.directory), (path) => call('chdir', path));
      call('umask', image.umask);
    });
  }

  private layout(call: InThread): void {
    const { layout, executable } = this.image;
    const auxv = fromBase64(layout.auxv);
    const exe = openIn(this.pid, call, executable, 0);
    const SIZE = 104;
    const struct = (address: bigint): Uint8Array => {
      const bytes = new Uint8Array(SIZE + auxv.length);
      const view = new DataView(bytes.buffer);
      for (const [index, name] of MM_MAP_WORDS.entries()) view.setBigUint64(8 * index, layout[name], true);
      view.setBigUint64(88, address + BigInt(SIZE), true);
      view.setUint32(96, auxv.length, true);
      view.setUint32(100, exe, true);
      bytes.set(auxv, SIZE);
      return bytes;
    };
    withBytes(this.pid, call, struct, (address) => call('prctl', PR_SET_MM, PR_SET_MM_MAP, address, SIZE, 0));
    call('close', exe);
  }

  /** Another thread, which stands still. */
  thread({ tid }: ThreadImage): void {
    this.in(this.pid, (call) => clone(this.pid, call, THREAD_FLAGS, tid));
    awaitStop(tid);
  }

  /** What is a thread's own, but for its registers: rseq is registered before any of the program's code runs. */
  state(thread: ThreadImage): void {
    const { pid } = this;
    const { tid, alternate, robustList, tidAddress, rseq, pending, name } = thread;
    this.in(tid, (call) => {
      withBytes(pid, call, textBytes(name), (at) => call('prctl', PR_SET_NAME, at, 0, 0, 0));
      call('set_tid_address', tidAddress);
      if (robustList.length !== 0n) call('set_robust_list', robustList.head, robustList.length);
      const stack = new Uint8Array(
        new BigUint64Array([alternate.sp, BigInt(alternate.flags & ~1), alternate.size]).buffer,
      );
      withBytes(
        pid,
        call,
        () => stack,
        (at) => call('sigaltstack', at, 0),
      );
      if (rseq !== undefined) this.register(call, thread);
      const signals = [
        ...pending.map((info) => [info, true] as const),
        ...(tid === pid ? this.image.pending.map((info) => [info, false] as const) : []),
      ];
      for (const [info, own] of signals) {
        const bytes = fromBase64(info);
        const number = new DataView(bytes.buffer).getInt32(0, true);
        withBytes(
          pid,
          call,
          () => bytes,
          (at) =>
            own ? call('rt_tgsigqueueinfo', pid, tid, number, at) : call('rt_sigqueueinfo', pid, number, at),
        );
      }
    });
  }

  private register(call: InThread, { tid, rseq }: ThreadImage): void {
    try {
      call('rseq', rseq!.address, rseq!.length, rseq!.flags, rseq!.signature);
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'EFAULT')) throw error;
      throw new Unsupported(
        `Linux ${release()} refuses the registration of thread ${tid} (address ${rseq!.address.toString(16)}, length ${rseq!.length})`,
      );
    }
  }

  /** The stub goes: the process is what the image says. */
  leave(): void {
    const { image, pid } = this;
    for (const thread of image.threads) setAttributes(thread.tid, thread);
    setFileAttributes(pid, image.attributes ?? {});
    if (image.limits !== undefined) raiseLimits(pid, image.limits);
    this.in(pid, (call) => {
      adviseMemory(call, image.maps);
      setPosixTimers(pid, call, image.posixTimers ?? []);
      setIntervalTimers(pid, call, image.timers);
      if (image.personality !== undefined) call('personality', image.personality);
    });
    this.identity();
    this.in(pid, (call) => {
      // Becoming another user has made it a process that is not to be dumped.
      setOwn(call, image);
      if (image.limits !== undefined) setLimits(pid, call, image.limits);
      call('munmap', this.instruction, PAGE);
    });
    for (const { tid, registers, extended, mask } of image.threads) {
      const words = ptrace.USER_REGISTERS.map((name) => registers[name]!);
      ptrace.setRegisterSet(tid, NT_X86_XSTATE, extendedFor(tid, fromBase64(extended)));
      ptrace.setRegisters(tid, new ptrace.UserRegisters(new BigUint64Array(words)));
      ptrace.setSignalMask(tid, mask);
    }
  }

  /** Last, since what went before may need what it takes away. */
  private identity(): void {
    const { credentials, noNewPrivileges } = this.image;
    for (const { tid } of this.image.threads) {
      this.in(tid, (call) => {
        if (credentials !== undefined) setCredentials(this.pid, tid, call, credentials);
        if (noNewPrivileges) call('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      });
      if (credentials !== undefined) checkCredentials(tid, credentials);
    }
  }

  run(): void {
    if (this.image.stopped) ptrace.signalThread(this.pid, this.pid, SIG.SIGSTOP);
    for (const { tid } of this.image.threads) ptrace.detach(tid);
  }
}
