/** A process as an image: what its threads are in the middle of is read before anything runs in it. */
import { readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { ERRNO } from '../../abi/errno.js';
import { RSEQ } from '../../abi/rseq.js';
import {
  IMAGE_SCHEMA,
  type ProcessImage,
  type SectionImage,
  type SignalActionImage,
  type ThreadImage,
} from '../../checkpoint/image.js';
import { callAgain, sectionAt } from '../../checkpoint/rest.js';
import { SystemError } from '../../linux/errors.js';
import { findSyscall, type InThread, inThread, inThreads, withBytes } from '../../linux/inject.js';
import { addressOf, tryCall } from '../../linux/libc.js';
import { readForced } from '../../linux/memory.js';
import { commandLine, procFile, procText, threadStat, threadStatus } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { VERSION } from '../../node/version.js';
import { attributesOf, credentialsOf, fileAttributesOf, limitsOf, personalityOf } from './attributes.js';
import { captureMaps } from './contents.js';
import { captureFiles } from './files.js';
import type { Frozen } from './freeze.js';
import { checkMaps, forgetMaps } from './maps.js';
import type { MemoryTaker } from './memory.js';
import { Objects } from './objects.js';
import { Outside } from './outside.js';
import { ownOf } from './own.js';
import { Unsupported } from './refusal.js';
import { checkProcess } from './suitable.js';
import { intervalTimersOf, posixTimersOf } from './timers.js';

const NT_X86_XSTATE = 0x202;
const NO_CALL = (1n << 64n) - 1n;
const USER64 = 0x33n;

export interface CaptureOptions {
  /** Threads inside a section stay there in the image, as they were. */
  readonly keepPosition: boolean;
}

/** A thread, and where it is to go on. */
interface Looked {
  readonly frozen: Frozen;
  readonly before: ptrace.UserRegisters;
  readonly registers: ptrace.UserRegisters;
  readonly rseq: ReturnType<typeof ptrace.rseqConfiguration>;
  /** Its struct rseq. */
  readonly area: Uint8Array | undefined;
  readonly section: SectionImage | undefined;
}

/** What must be known before anything runs in the process: the kernel clears rseq_cs of a thread that runs elsewhere. */
function look(pid: number, frozen: Frozen, { keepPosition }: CaptureOptions): Looked {
  const { tid } = frozen;
  const rseq = ptrace.rseqConfiguration(tid);
  const area = rseq && readForced(pid, rseq.address, Math.min(rseq.length, RSEQ.size));
  const before = ptrace.getRegisters(tid);
  if (before.get('cs') !== USER64) throw new Unsupported('it is a 32-bit program');
  const registers = new ptrace.UserRegisters(before.words.slice());
  restartCall(registers);
  const section =
    rseq &&
    sectionAt(
      (address, size) => readForced(pid, address, size),
      tid,
      rseq,
      registers.get('rip'),
      !keepPosition,
      unsupported,
    );
  if (section?.aborted === true) registers.set('rip', section.abortIp);
  return { frozen, before, registers, rseq, area, section };
}

/** A call that our stop has interrupted is made again. */
function restartCall(registers: ptrace.UserRegisters): void {
  const call = registers.get('orig_rax');
  if (BigInt.asIntN(64, call) < 0n) return;
  const { rip, rax } = callAgain({ rip: registers.get('rip'), rax: registers.get('rax'), call });
  registers.set('rip', rip);
  registers.set('rax', rax);
  registers.set('orig_rax', NO_CALL);
}

const unsupported = (why: string): never => {
  throw new Unsupported(why);
};

/** What can be told while it runs: it is not even stopped where that stands against it. Throws Unsupported, SystemError. */
export function checkBefore(pid: number): Outside {
  if (Number(threadStatus(pid)?.get('TracerPid') ?? 0) !== 0) throw new SystemError('ptrace', ERRNO.EPERM);
  checkProcess(pid);
  const outside = new Outside(pid);
  const objects = new Objects(outside);
  forgetMaps();
  checkMaps(pid, objects);
  captureFiles(pid, objects, outside);
  outside.refresh();
  return outside;
}

/** The image of a frozen process, but for what `memory` is to read; it can go on as it is afterwards. Throws Unsupported, before the process has been touched, and SystemError. */
export function capture(
  pid: number,
  threads: readonly Frozen[],
  memory: MemoryTaker,
  outside: Outside,
  options: CaptureOptions,
): ProcessImage {
  const looked = threads.map((frozen) => look(pid, frozen, options));
  checkProcess(pid);
  const objects = new Objects(outside);
  const maps = checkMaps(pid, objects);
  const { files, pipes } = captureFiles(pid, objects, outside, memory);
  const instruction = findSyscall(pid);
  if (instruction === undefined) throw new Unsupported('it has no SYSCALL instruction');
  const contents = captureMaps(pid, maps, memory);
  // What runs in the process clears rseq_cs.
  if (options.keepPosition) memory.copy(pid);
  const shared = objects.capture(memory);
  const first = threads[0]!.tid;
  const process = inThread(first, instruction, (call) => ofProcess(pid, call));
  const own = ownOfThreads(
    pid,
    threads.map(({ tid }) => tid),
    instruction,
  );
  const each = looked.map((thread, index) => ofThread(pid, thread, own[index]!));
  // The kernel has seen them run elsewhere: what was a section is none any more.
  for (const { frozen, before, registers, section } of looked)
    if (section !== undefined) {
      before.set('rip', section.abortIp);
      before.set('orig_rax', NO_CALL);
      before.set('rax', registers.get('rax'));
      ptrace.setRegisters(frozen.tid, before);
    }
  const status = threadStatus(pid)!;
  return {
    schema: IMAGE_SCHEMA,
    version: VERSION,
    architecture: 'x86-64',
    kernel: release(),
    taken: Math.floor(Date.now() / 1000),
    pid,
    command: commandLine(pid),
    executable: readlinkSync(`/proc/${pid}/exe`),
    directory: readlinkSync(`/proc/${pid}/cwd`),
    umask: Number.parseInt(status.get('Umask') ?? '22', 8),
    layout: { ...layoutOf(pid), brk: process.brk },
    maps: contents,
    threads: each,
    actions: process.actions,
    pending: pendingOf(first, true),
    timers: process.timers,
    files,
    pipes,
    objects: shared,
    posixTimers: process.posixTimers,
    limits: limitsOf(pid),
    ...(process.membarrier !== undefined && { membarrier: process.membarrier }),
    personality: personalityOf(pid),
    attributes: { ...process.attributes, ...fileAttributesOf(pid) },
    credentials: credentialsOf(pid),
    noNewPrivileges: status.get('NoNewPrivs') === '1',
    stopped: threads.some(({ stopped }) => stopped),
  };
}

function layoutOf(pid: number): Omit<ProcessImage['layout'], 'brk'> {
  const text = procText(`${pid}/stat`)!;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // proc_pid_stat(5), numbered from 1; the third is the first behind the name.
  const field = (number: number): bigint => BigInt(fields[number - 3]!);
  return {
    startCode: field(26),
    endCode: field(27),
    startStack: field(28),
    startData: field(45),
    endData: field(46),
    startBrk: field(47),
    argStart: field(48),
    argEnd: field(49),
    envStart: field(50),
    envEnd: field(51),
    auxv: procFile(`${pid}/auxv`)!.toString('base64'),
  };
}

const SIGNALS = 64;
/** struct sigaction as the kernel has it. */
const ACTION = 32;

const ofProcess = (pid: number, call: InThread) => ({
  actions: actionsOf(pid, call),
  timers: intervalTimersOf(pid, call),
  posixTimers: posixTimersOf(pid, call),
  brk: call('brk', 0),
  ...ownOf(pid, call),
});

function actionsOf(pid: number, call: InThread): SignalActionImage[] {
  return withBytes(
    pid,
    call,
    () => new Uint8Array(ACTION),
    (address) => {
      const actions: SignalActionImage[] = [];
      for (let signal = 1; signal <= SIGNALS; signal++) {
        call('rt_sigaction', signal, 0, address, 8);
        const view = new DataView(readForced(pid, address, ACTION)!.buffer);
        const [handler, flags, restorer, mask] = [0, 8, 16, 24].map((at) => view.getBigUint64(at, true)) as [
          bigint,
          bigint,
          bigint,
          bigint,
        ];
        if (handler !== 0n || flags !== 0n) actions.push({ signal, handler, flags, restorer, mask });
      }
      return actions;
    },
  );
}

const PR_GET_TID_ADDRESS = 40;
/** stack_t, and where the tid address goes behind it; for each thread. */
const STACK = 24;
const OWN = STACK + 8;

/** What only a thread itself can ask for. */
function ownOfThreads(
  pid: number,
  tids: readonly number[],
  instruction: bigint,
): Pick<ThreadImage, 'alternate' | 'tidAddress'>[] {
  const READ_WRITE = 3;
  const PRIVATE_ANONYMOUS = 0x22;
  const size = OWN * tids.length;
  const first = <T>(use: (call: InThread) => T): T => inThread(tids[0]!, instruction, use);
  const room = first((call) => call('mmap', 0, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0));
  try {
    const results = inThreads(tids, instruction, (index) => {
      const at = room + BigInt(OWN * index);
      return [
        ['sigaltstack', 0, at],
        ['prctl', PR_GET_TID_ADDRESS, at + BigInt(STACK), 0, 0, 0],
      ];
    });
    for (const [index, each] of results.entries())
      for (const [turn, result] of each.entries())
        if (result < 0n)
          throw new SystemError(`${['sigaltstack', 'prctl'][turn]} in ${tids[index]}`, Number(-result));
    const view = new DataView(readForced(pid, room, size)!.buffer);
    return tids.map((_, index) => ({
      alternate: {
        sp: view.getBigUint64(OWN * index, true),
        flags: view.getUint32(OWN * index + 8, true),
        size: view.getBigUint64(OWN * index + 16, true),
      },
      tidAddress: view.getBigUint64(OWN * index + STACK, true),
    }));
  } finally {
    first((call) => call('munmap', room, size));
  }
}

function ofThread(
  pid: number,
  { frozen: { tid }, before, registers, rseq, area, section }: Looked,
  own: Pick<ThreadImage, 'alternate' | 'tidAddress'>,
): ThreadImage {
  const extended = Buffer.from(ptrace.getRegisterSet(tid, NT_X86_XSTATE)).toString('base64');
  const mask = ptrace.getSignalMask(tid);
  const pending = pendingOf(tid, false);
  return {
    tid,
    name: threadStat(pid, tid)?.name ?? '',
    registers: Object.fromEntries(ptrace.USER_REGISTERS.map((name) => [name, registers.get(name)])),
    ...stoodAt(before, registers),
    extended,
    mask,
    ...own,
    robustList: robustListOf(tid),
    pending,
    ...attributesOf(pid, tid),
    ...(rseq && { rseq }),
    ...(area && { area: Buffer.from(area).toString('base64') }),
    ...(section && { section }),
  };
}

const CHANGED = ['rip', 'rax', 'orig_rax'] as const;

/** Where it stood, if it goes on elsewhere. */
function stoodAt(
  before: ptrace.UserRegisters,
  registers: ptrace.UserRegisters,
): Pick<ThreadImage, 'stood'> | undefined {
  if (CHANGED.every((name) => before.get(name) === registers.get(name))) return undefined;
  return { stood: { rip: before.get('rip'), rax: before.get('rax'), orig_rax: before.get('orig_rax') } };
}

function robustListOf(tid: number): ThreadImage['robustList'] {
  const words = new BigUint64Array(2);
  const at = addressOf(words);
  if (tryCall('get_robust_list', tid, at, at + 8n) !== 0) return { head: 0n, length: 0n };
  return { head: words[0]!, length: words[1]! };
}

/** PTRACE_PEEKSIGINFO: signals of the whole process, or of the thread. */
const pendingOf = (tid: number, shared: boolean): string[] =>
  ptrace.pendingSignals(tid, shared).map((info) => Buffer.from(info).toString('base64'));
