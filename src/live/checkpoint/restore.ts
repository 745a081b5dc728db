/** An image as a process: rebuilt inside a process of ours, by system calls that it is made to make. */
import { statSync } from 'node:fs';
import { release } from 'node:os';
import { SIG } from '../../abi/signals.js';
import type { OpenImage } from '../../checkpoint/codec.js';
import type { MapImage, ProcessImage, ThreadImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { type InThread, inThread, withBytes } from '../../linux/inject.js';
import { readForced, writeForced } from '../../linux/memory.js';
import { mapsOf, threadStat } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { go, startStopped } from '../../linux/spawn.js';
import { type Change, waitFor } from '../../linux/wait.js';
import { fileDigest, KERNEL_MAPS, Unsupported } from './contents.js';

const PAGE = 4096n;
const PR_SET_MM = 35;
const PR_SET_MM_MAP = 14;
const PR_SET_NAME = 15;
const NT_X86_XSTATE = 0x202;
const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  GROWSDOWN: 0x100,
  FIXED_NOREPLACE: 0x10_0000,
} as const;
const MREMAP_MAYMOVE_FIXED = 3;
/** CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM. */
const THREAD_FLAGS = 0x0005_0f00;
const CLONE_PARENT = 0x8000;
/** The vDSO waits here while its place is made free: far from everything that programs have. */
const ASIDE = 0x0100_0000_0000n;

/** What the image needs that is not here: refused before a process is made. Throws Unsupported. */
export function checkHere(image: ProcessImage): void {
  for (const [path, { size, digest }] of new Map(
    image.maps.flatMap(({ file }) => (file ? [[file.path, file] as const] : [])),
  )) {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now === undefined) throw new Unsupported(`${path}, which the process has mapped, is not there`);
    if (now.size !== size || fileDigest(path) !== digest)
      throw new Unsupported(`${path} is not the file that the process has mapped: it was changed`);
  }
  for (const { kind, path } of image.files)
    if (kind === 'file' && statSync(path, { throwIfNoEntry: false }) === undefined)
      throw new Unsupported(`${path}, which the process has open, is not there`);
  awaitParent(image.pid);
  if (threadStat(image.pid) !== undefined)
    throw new Unsupported(
      `the process needs its id ${image.pid}, which another one has; wait until that has ended`,
    );
  for (const { tid } of image.threads)
    if (threadStat(tid) !== undefined)
      throw new Unsupported(`the process needs the id ${tid} for a thread, and it is in use`);
}

/** Seconds in which a parent takes notice of its child's end. */
const PATIENCE = 5;

/** A process that has ended keeps its id until its parent has taken notice. */
function awaitParent(pid: number): void {
  const until = performance.now() + PATIENCE * 1000;
  const tick = new Int32Array(new SharedArrayBuffer(4));
  while (threadStat(pid)?.state === 'Z' && performance.now() < until) Atomics.wait(tick, 0, 0, 10);
}

/** Makes the process; it stands still, traced by us, up to `run`. Throws Unsupported, SystemError; nothing is left behind then. */
export function restore(open: OpenImage): { readonly pid: number; run(): void } {
  const { image } = open;
  checkHere(image);
  const helper = startStopped([process.execPath]);
  let pid = 0;
  try {
    ptrace.seize(helper, ptrace.traceOptions('CLONE', 'FORK', 'VFORK'));
    go(helper);
    settle(helper);
    const instruction = stubSyscall(helper);
    pid = inThread(helper, instruction, (call) => clone(helper, call, CLONE_PARENT, image.pid));
    awaitStop(pid);
    const make = new Maker(pid, ownSyscall(pid, instruction, image), open);
    make.memory();
    make.process();
    for (const thread of image.threads.slice(1)) make.thread(thread);
    for (const thread of image.threads) make.state(thread);
    make.leave();
    return { pid, run: () => make.run() };
  } catch (error) {
    if (pid !== 0) end(pid);
    throw error;
  } finally {
    end(helper);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  // Its threads are told of before itself.
  for (let change = waitFor(-1); change !== undefined; change = waitFor(-1))
    if (change.tid === pid && (change.kind === 'exited' || change.kind === 'killed')) return;
}

/** Out of the group stop in which a stub waits: it stands in front of SIGCONT then. */
function settle(pid: number): void {
  for (let change = waitFor(pid); ; change = waitFor(pid)) {
    if (change === undefined) throw new Unsupported('the process that was to become it has ended');
    if (change.kind === 'signal' && change.signal === SIG.SIGCONT) return;
    ptrace.cont(pid);
  }
}

/** A new thread or process comes to its first stop. */
function awaitStop(tid: number): void {
  const change: Change | undefined = waitFor(tid);
  if (change?.kind !== 'event') throw new Unsupported(`thread ${tid} has ended at once`);
}

/** The stub's code, which stays while everything else goes. */
function stubSyscall(pid: number): bigint {
  const code = mapsOf(pid).find(({ name, executable }) => executable && name.includes('memfd:rseqlab'));
  const bytes = code && readForced(pid, code.start, Number(code.end - code.start));
  const at = bytes?.findIndex((byte, index) => byte === 0x0f && bytes[index + 1] === 0x05) ?? -1;
  if (code === undefined || at < 0) throw new Unsupported('the stub has no code');
  return code.start + BigInt(at);
}

/** Places for a page of ours: below where programs are linked to. */
const PLACES = Array.from({ length: 64 }, (_, n) => 0x20000n + BigInt(n) * 0x1000n);

/** A SYSCALL instruction in memory that is no file's: as long as the stub's file is mapped the process cannot have another executable. */
function ownSyscall(pid: number, instruction: bigint, { maps }: ProcessImage): bigint {
  const used = [...maps, ...mapsOf(pid)];
  const place = PLACES.find((at) => !used.some(({ start, end }) => start < at + PAGE && at < end));
  if (place === undefined) throw new Unsupported('there is no room below 0x60000 for its maker');
  const READ_EXECUTE = 5;
  const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE;
  inThread(pid, instruction, (call) => call('mmap', place, PAGE, READ_EXECUTE, flags, -1, 0));
  writeForced(pid, place, Uint8Array.of(0x0f, 0x05));
  return place;
}

/** clone3(2) with the id that is to be; needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
function clone(pid: number, call: InThread, flags: number, id: number): number {
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
    if (isErrno(error, 'EPERM'))
      throw new Unsupported(
        'not permitted to choose ids of processes; run as root, or grant CAP_CHECKPOINT_RESTORE',
      );
    throw error;
  }
}

const text = (value: string) => (): Uint8Array => new TextEncoder().encode(`${value}\0`);
const fromBase64 = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'base64'));

class Maker {
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

  /** Everything goes but the stub and the kernel's own maps; these get their places; then the image's maps. */
  memory(): void {
    const { image, pid } = this;
    this.in(pid, (call) => {
      const now = mapsOf(pid).filter(({ name }) => name !== '[vsyscall]');
      for (const { start, end, name } of now)
        if (start !== this.instruction && !KERNEL_MAPS.includes(name)) call('munmap', start, end - start);
      this.moveKernelMaps(call, now);
      for (const map of image.maps) if (!KERNEL_MAPS.includes(map.name)) this.map(call, map);
    });
    for (const { name, pieces } of image.maps)
      for (const piece of pieces) {
        const bytes = this.open.contents(piece);
        if (KERNEL_MAPS.includes(name)) this.compare(piece.address, bytes);
        else if (!writeForced(pid, piece.address, bytes))
          throw new Unsupported(`memory at ${piece.address.toString(16)} cannot be written`);
      }
  }

  /** A vDSO of the same size may have its functions elsewhere: a thread may be in one, and the program has their addresses. */
  private compare(address: bigint, bytes: Uint8Array): void {
    const here = readForced(this.pid, address, bytes.length);
    if (here === undefined || Buffer.compare(here, bytes) !== 0) throw this.otherKernel();
  }

  private otherKernel(): Unsupported {
    return new Unsupported(
      `it was taken on Linux ${this.image.kernel}, whose vDSO is not that of ${release()}; bring it back on the same kernel`,
    );
  }

  private moveKernelMaps(call: InThread, now: ReturnType<typeof mapsOf>): void {
    const wanted = this.image.maps.filter(({ name }) => KERNEL_MAPS.includes(name) && name !== '[vsyscall]');
    const here = now.filter(({ name }) => KERNEL_MAPS.includes(name));
    const form = (maps: readonly { name: string; start: bigint; end: bigint }[]): string =>
      maps.map(({ name, start, end }) => `${name} ${end - start}`).join(', ');
    if (form(wanted) !== form(here)) throw this.otherKernel();
    const move = (from: bigint, to: bigint, size: bigint): bigint =>
      call('mremap', from, size, size, MREMAP_MAYMOVE_FIXED, to);
    const [first] = here;
    for (const { start, end } of here) move(start, ASIDE + (start - first!.start), end - start);
    for (const [index, { start, end }] of here.entries())
      move(ASIDE + (start - first!.start), wanted[index]!.start, end - start);
  }

  private map(call: InThread, { start, end, protection, shared, growsDown, file, offset }: MapImage): void {
    const bits =
      (protection[0] === 'r' ? 1 : 0) | (protection[1] === 'w' ? 2 : 0) | (protection[2] === 'x' ? 4 : 0);
    const flags = (shared ? MAP.SHARED : MAP.PRIVATE) | MAP.FIXED_NOREPLACE | (growsDown ? MAP.GROWSDOWN : 0);
    if (file === undefined) {
      call('mmap', start, end - start, bits, flags | MAP.ANONYMOUS, -1, 0);
      return;
    }
    const O_RDWR = 2;
    const fd = withBytes(this.pid, call, text(file.path), (path) =>
      call('open', path, shared && bits & 2 ? O_RDWR : 0, 0),
    );
    call('mmap', start, end - start, bits, flags, fd, offset);
    call('close', fd);
  }

  /** What all threads share. */
  process(): void {
    const { image, pid } = this;
    this.in(pid, (call) => {
      this.files(call);
      this.layout(call);
      for (const { signal, handler, flags, restorer, mask } of image.actions) {
        if (signal === SIG.SIGKILL || signal === SIG.SIGSTOP) continue;
        const bytes = new Uint8Array(new BigUint64Array([handler, flags, restorer, mask]).buffer);
        withBytes(
          pid,
          call,
          () => bytes,
          (address) => call('rt_sigaction', signal, address, 0, 8),
        );
      }
      withBytes(pid, call, text(image.directory), (path) => call('chdir', path));
      call('umask', image.umask);
    });
  }

  private files(call: InThread): void {
    const { pid, image } = this;
    const CLOEXEC = 0o2000000;
    for (const { fd, kind, path, flags, position } of image.files) {
      if (kind === 'stream') continue;
      const made = Number(withBytes(pid, call, text(path), (at) => call('open', at, flags, 0)));
      if (made !== fd) {
        call('dup3', made, fd, flags & CLOEXEC);
        call('close', made);
      }
      if (position !== 0) call('lseek', fd, position, 0);
    }
    const wanted = new Set(image.files.map(({ fd }) => fd));
    for (const fd of [0, 1, 2]) if (!wanted.has(fd)) call('close', fd);
  }

  private layout(call: InThread): void {
    const { layout, executable } = this.image;
    const auxv = fromBase64(layout.auxv);
    const exe = withBytes(this.pid, call, text(executable), (path) => call('open', path, 0, 0));
    const {
      startCode,
      endCode,
      startData,
      endData,
      startBrk,
      brk,
      startStack,
      argStart,
      argEnd,
      envStart,
      envEnd,
    } = layout;
    const words = [
      startCode,
      endCode,
      startData,
      endData,
      startBrk,
      brk,
      startStack,
      argStart,
      argEnd,
      envStart,
      envEnd,
    ];
    const SIZE = 104;
    const struct = (address: bigint): Uint8Array => {
      const bytes = new Uint8Array(SIZE + auxv.length);
      const view = new DataView(bytes.buffer);
      for (const [index, word] of words.entries()) view.setBigUint64(8 * index, word, true);
      view.setBigUint64(88, address + BigInt(SIZE), true);
      view.setUint32(96, auxv.length, true);
      view.setUint32(100, Number(exe), true);
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
      withBytes(pid, call, text(name), (at) => call('prctl', PR_SET_NAME, at, 0, 0, 0));
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
    this.in(pid, (call) => {
      for (const [which, [interval, left]] of image.timers.entries()) {
        if (left === 0) continue;
        const time = (value: number): bigint[] => [BigInt(Math.floor(value / 1e6)), BigInt(value % 1e6)];
        const bytes = new Uint8Array(new BigInt64Array([...time(interval), ...time(left)]).buffer);
        withBytes(
          pid,
          call,
          () => bytes,
          (at) => call('setitimer', which, at, 0),
        );
      }
      call('munmap', this.instruction, PAGE);
    });
    for (const { tid, registers, extended, mask } of image.threads) {
      const words = ptrace.USER_REGISTERS.map((name) => registers[name]!);
      ptrace.setRegisterSet(tid, NT_X86_XSTATE, fromBase64(extended));
      ptrace.setRegisters(tid, new ptrace.UserRegisters(new BigUint64Array(words)));
      ptrace.setSignalMask(tid, mask);
    }
  }

  run(): void {
    for (const { tid } of this.image.threads) ptrace.detach(tid);
  }
}
