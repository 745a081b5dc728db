import { SA } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import { disarm, onAltStack, readAltStack, writeAltStack } from '../signal/alt-stack.js';
import { infoBytes } from '../signal/info.js';
import { setMask } from '../signal/queue.js';
import type { Handler, Signal, Task } from '../state.js';
import {
  FP,
  FPSIMD_SIZE,
  LR,
  MONITOR,
  pstate,
  readFpsimd,
  SP,
  setPstate,
  writeFpsimd,
  X,
  X0,
  X1,
  X2,
} from './aarch64-registers.js';
import type { Frames } from './frames.js';

/**
 * struct rt_sigframe (arch/arm64/kernel/signal.c; include/uapi/asm/ucontext.h, sigcontext.h), offsets in bytes: siginfo, ucontext. Above it, where
 * the handler's frame pointer shows, stands a struct frame_record for those who unwind.
 */
const FRAME = { info: 0, context: 128, size: 4688 } as const;
/** Of ucontext: __reserved holds records, each with a magic number and its size, up to one without. */
const CONTEXT = {
  stack: 16,
  mask: 40,
  faultAddress: 176,
  registers: 184,
  sp: 432,
  pc: 440,
  pstate: 448,
  reserved: 464,
} as const;
const RESERVED = 4096;
/** struct fpsimd_context, struct esr_context: magic, size, and behind that FPSR, FPCR and the vectors; or the syndrome. */
const FPSIMD = { magic: 0x4650_8001, size: 528 } as const;
const ESR = { magic: 0x4553_5201, size: 16 } as const;
const VECTORS = 512;
const FRAME_RECORD = 16n;
/** Mode, 32 bits, and masks of interrupts: no program's (valid_native_regs()). */
const FORBIDDEN = 0x3dfn;

/** struct fpsimd_context has the two words in front of the vectors, and struct user_fpsimd_state behind them. */
function fpsimdRecord(task: Task): Uint8Array {
  const record = new Uint8Array(FPSIMD.size);
  const view = new DataView(record.buffer);
  view.setUint32(0, FPSIMD.magic, true);
  view.setUint32(4, FPSIMD.size, true);
  const state = readFpsimd(task);
  record.set(state.subarray(VECTORS), 8);
  record.set(state.subarray(0, VECTORS), 16);
  return record;
}

function fromRecord(record: Uint8Array): Uint8Array {
  const state = new Uint8Array(FPSIMD_SIZE);
  state.set(record.subarray(16), 0);
  state.set(record.subarray(8, 16), VECTORS);
  return state;
}

/** setup_rt_frame(), get_sigframe(), setup_sigframe(), setup_return(). */
function enter(kernel: Kernel, task: Task, signal: Signal, handler: Handler, mask: bigint): void {
  const { registers, altStack } = task;
  const memory = kernel.memory(task.mm);
  const sp = registers[SP]!;
  const enters = (handler.flags & SA.ONSTACK) !== 0 && altStack.size !== 0n && !onAltStack(task, sp);
  const top = enters ? altStack.sp + altStack.size : sp;
  const record = (top - FRAME_RECORD) & ~15n;
  const frame = record - BigInt(FRAME.size);
  const bytes = new Uint8Array(FRAME.size);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: bigint): void => view.setBigUint64(FRAME.context + offset, value, true);
  writeAltStack(view, FRAME.context + CONTEXT.stack, task);
  put(CONTEXT.mask, mask);
  put(CONTEXT.faultAddress, task.trap.address);
  putGeneral(view, FRAME.context, task);
  const reserved = FRAME.context + CONTEXT.reserved;
  bytes.set(fpsimdRecord(task), reserved);
  if (task.trap.error !== 0) {
    view.setUint32(reserved + FPSIMD.size, ESR.magic, true);
    view.setUint32(reserved + FPSIMD.size + 4, ESR.size, true);
    view.setUint32(reserved + FPSIMD.size + 8, task.trap.error, true);
  }
  const wantsInfo = (handler.flags & SA.SIGINFO) !== 0;
  if (wantsInfo) bytes.set(infoBytes(signal), FRAME.info);
  if (frame < 0n) throw new Errno('EFAULT');
  memory.setU64(record, registers[FP]!);
  memory.setU64(record + 8n, registers[LR]!);
  memory.write(frame, bytes);
  disarm(task);
  registers[X0] = BigInt(signal.number);
  registers[SP] = frame;
  registers[FP] = record;
  registers[RIP] = handler.handler;
  registers[LR] = (handler.flags & SA.RESTORER) !== 0 ? handler.restorer : task.mm.sigreturn;
  registers[MONITOR] = 0n;
  if (!wantsInfo) return;
  registers[X1] = frame + BigInt(FRAME.info);
  registers[X2] = frame + BigInt(FRAME.context);
}

function putGeneral(view: DataView, context: number, task: Task): void {
  const { registers } = task;
  const words = [...X.map((x) => registers[x]!), registers[SP]!, registers[RIP]!, pstate(task)];
  for (const [n, word] of words.entries()) view.setBigUint64(context + CONTEXT.registers + 8 * n, word, true);
}

function rewrite(kernel: Kernel, task: Task, frame: bigint): void {
  const memory = kernel.memory(task.mm);
  const bytes = memory.read(frame, FRAME.size);
  putGeneral(new DataView(bytes.buffer), FRAME.context, task);
  bytes.set(fpsimdRecord(task), FRAME.context + CONTEXT.reserved);
  memory.write(frame, bytes);
}

/** Which of the records in a frame are there (parse_user_sigframe()): none but these are known here. Throws EFAULT for others. */
function fpsimdIn(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let found: Uint8Array | undefined;
  for (let at = 0; at + 8 <= bytes.length; ) {
    const [magic, size] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (magic === 0 && size === 0) break;
    if (size < 16 || size % 16 !== 0 || at + size > bytes.length) throw new Errno('EFAULT');
    if (magic === FPSIMD.magic && found === undefined && size === FPSIMD.size)
      found = bytes.subarray(at, at + size);
    else if (magic !== ESR.magic) throw new Errno('EFAULT');
    at += size;
  }
  // fpsimd_context is not optional.
  if (found === undefined) throw new Errno('EFAULT');
  return found;
}

/** sys_rt_sigreturn(), restore_sigframe(). */
function leave(kernel: Kernel, task: Task): void {
  const { registers } = task;
  if (registers[SP]! % 16n !== 0n) throw new Errno('EFAULT');
  const bytes = kernel
    .memory(task.mm)
    .read(registers[SP]! + BigInt(FRAME.context), CONTEXT.reserved + RESERVED);
  const view = new DataView(bytes.buffer);
  const word = (offset: number): bigint => view.getBigUint64(offset, true);
  if ((word(CONTEXT.pstate) & FORBIDDEN) !== 0n) throw new Errno('EFAULT');
  const state = fromRecord(fpsimdIn(bytes.subarray(CONTEXT.reserved)));
  for (const [n, register] of [...X, SP, RIP].entries())
    registers[register] = word(CONTEXT.registers + 8 * n);
  setPstate(task, word(CONTEXT.pstate));
  writeFpsimd(task, state);
  setMask(kernel, task, word(CONTEXT.mask));
  readAltStack(task, view, CONTEXT.stack, registers[SP]!);
  registers[MONITOR] = 0n;
  // No restart: the call that was interrupted is over (forget_syscall()).
  task.call = -1n;
  task.restart = undefined;
}

export const FRAMES_AARCH64: Frames = { enter, leave, rewrite };
