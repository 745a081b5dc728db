import { offsetOf } from '../../abi/layout.js';
import { RSEQ } from '../../abi/rseq.js';
import type { ThreadImage } from '../../checkpoint/image.js';
import { fromBase64 } from '../../event/base64.js';
import { GENERAL_NAMES } from '../../isa/x86-64/registers.js';
import { FX_SIZE, readFx } from '../arch/x86-64-fx.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { FS_BASE, GS_BASE, RIP, setRflags } from '../registers.js';
import { rseqCall } from '../rseq/registration.js';
import { signalOf } from '../signal/info.js';
import type { Signal, Task } from '../state.js';
import { bytesText } from './text.js';

type No = (why: string) => never;

const SS_ONSTACK = 1;
/** SCHED_RESET_ON_FORK of struct sched_attr. */
const RESET_ON_FORK = 1;

/** What is a thread's own, but for its registration. */
export function putThread(task: Task, thread: ThreadImage, dropAvx: boolean, no: No): void {
  const { registers, alternate, scheduling, affinity } = thread;
  for (const [number, name] of GENERAL_NAMES.entries()) task.registers[number] = registers[name]!;
  task.registers[RIP] = registers['rip']!;
  task.registers[FS_BASE] = registers['fs_base']!;
  task.registers[GS_BASE] = registers['gs_base']!;
  setRflags(task, registers['rflags']!);
  putExtended(task, fromBase64(thread.extended), dropAvx || isInCall(thread), no);
  task.name = bytesText(thread.name);
  task.mask = thread.mask;
  task.pending = thread.pending.map(signalIn);
  task.altStack = { sp: alternate.sp, size: alternate.size, flags: alternate.flags & ~SS_ONSTACK };
  task.clearChildTid = thread.tidAddress;
  task.robustList = thread.robustList.head;
  const here = (affinity ?? task.affinity) & task.affinity;
  if (here !== 0n) task.affinity = here;
  if (scheduling === undefined) return;
  const { nice, policy, priority, flags } = scheduling;
  task.nice = nice;
  task.policy = { id: policy, priority, resetOnFork: (flags & RESET_ON_FORK) !== 0 };
}

export function signalIn(info: string): Signal {
  const bytes = fromBase64(info);
  return signalOf(bytes, new DataView(bytes.buffer).getInt32(0, true));
}

/** In the standard form of XSAVE (Intel SDM vol. 1, 13.4): which parts are not as at the beginning, and where the upper halves of ymm0..15 are. */
const XSTATE = { bv: 512, ymm: 576, ymmEnd: 832, end: 2432 } as const;
/** opmask, ZMM_Hi256, Hi16_ZMM: where they are depends on the processor, in front of `end`. */
const AVX512 = 0xe0n;

/** Functions keep nothing in vector registers over a call (System V ABI, 3.2.1), and the library's that make the call have no use for them. */
const isInCall = ({ stood }: ThreadImage): boolean =>
  stood !== undefined && BigInt.asIntN(64, stood.orig_rax) >= 0n;

/** Floating point and SSE as they are. What AVX adds the machine has not: it must be as at the beginning, as functions leave it (vzeroupper). */
function putExtended(task: Task, bytes: Uint8Array, dropAvx: boolean, no: No): void {
  readFx(task.registers, bytes.subarray(0, FX_SIZE));
  if (bytes.length < XSTATE.ymm) return;
  const inUse = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(XSTATE.bv, true);
  const holds = (from: number, to: number): boolean => bytes.subarray(from, to).some((byte) => byte !== 0);
  const live =
    ((inUse & 4n) !== 0n && holds(XSTATE.ymm, XSTATE.ymmEnd)) ||
    ((inUse & AVX512) !== 0n && holds(XSTATE.ymmEnd, XSTATE.end));
  if (live && !dropAvx)
    no(
      `thread ${task.tid} is in the middle of AVX instructions, which the simulated processor does not have; take another image, or leave that part out (--drop-avx)`,
    );
}

const RSEQ_CS = BigInt(offsetOf(RSEQ, 'rseq_cs'));

/**
 * The thread registers, by the rules of this kernel. Whoever brings a process back makes it run elsewhere for that, and as soon as a thread does
 * the kernel clears rseq_cs.
 */
export function registerThread(kernel: Kernel, task: Task, { rseq }: ThreadImage, no: No): void {
  if (rseq === undefined) return;
  const { address, length, flags, signature } = rseq;
  try {
    kernel.memory(task.mm).setU64(address + RSEQ_CS, 0n);
    rseqCall(kernel, task, address, length, flags, signature);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    no(
      `Linux ${kernel.options.version} refuses the registration of thread ${task.tid} (address 0x${address.toString(16)}, length ${length}): ${error.code}`,
    );
  }
}
