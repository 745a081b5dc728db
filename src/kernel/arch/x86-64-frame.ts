import { SA } from '../../abi/signals.js';
import { RAX, RDI, RDX, RSI, RSP } from '../../isa/x86-64/registers.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP, rflags, setRflags } from '../registers.js';
import { disarm, isWithin, onAltStack, readAltStack, writeAltStack } from '../signal/alt-stack.js';
import { infoBytes } from '../signal/info.js';
import { setMask } from '../signal/queue.js';
import type { Handler, Signal, Task } from '../state.js';
import type { Frames } from './frames.js';
import { FX_SIZE, readFx, resetFpu, writeFx } from './x86-64-fx.js';

/**
 * struct rt_sigframe (arch/x86/include/asm/sigframe.h, include/uapi/asm/sigcontext.h), offsets in bytes: return address, ucontext, siginfo.
 * The floating point state stands above it, aligned to 64.
 */
const FRAME = { context: 8, info: 312, size: 440 } as const;
const CONTEXT = {
  flags: 0,
  stack: 16,
  registers: 40,
  segments: 184,
  error: 192,
  trap: 200,
  oldMask: 208,
  cr2: 216,
  fp: 224,
  mask: 296,
} as const;
/** General registers as they stand in struct sigcontext, by their numbers. */
const ORDER = [8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 3, 2, 0, 1, 4] as const;
const RED_ZONE = 128n;
/** UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS. */
const CONTEXT_FLAGS = 6n;
/** cs 0x33, gs 0, fs 0, ss 0x2b. */
const SEGMENTS = 0x002b_0000_0000_0033n;
const DF = 1n << 10n;
/** x64_setup_rt_frame(). */
function enter(kernel: Kernel, task: Task, signal: Signal, handler: Handler, mask: bigint): void {
  const { registers, altStack } = task;
  const memory = kernel.memory(task.mm);
  if ((handler.flags & SA.RESTORER) === 0) throw new Errno('EFAULT');
  const nested = onAltStack(task, registers[RSP]!);
  let sp = registers[RSP]! - RED_ZONE;
  const enters = (handler.flags & SA.ONSTACK) !== 0 && altStack.size !== 0n && !onAltStack(task, sp);
  if (enters) sp = altStack.sp + altStack.size;
  const fp = (sp - BigInt(FX_SIZE)) & ~63n;
  const frame = ((fp - BigInt(FRAME.size)) & ~15n) - 8n;
  if ((nested || enters) && !isWithin(task, frame)) throw new Errno('EFAULT');
  const bytes = new Uint8Array(FRAME.size);
  const view = new DataView(bytes.buffer);
  const put = (offset: number, value: bigint): void =>
    view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  put(0, handler.restorer);
  const context = FRAME.context;
  put(context + CONTEXT.flags, CONTEXT_FLAGS);
  writeAltStack(view, context + CONTEXT.stack, task);
  for (const [index, number] of ORDER.entries())
    put(context + CONTEXT.registers + 8 * index, registers[number]!);
  put(context + CONTEXT.registers + 128, registers[RIP]!);
  put(context + CONTEXT.registers + 136, rflags(task));
  put(context + CONTEXT.segments, SEGMENTS);
  put(context + CONTEXT.error, BigInt(task.trap.error));
  put(context + CONTEXT.trap, BigInt(task.trap.number));
  put(context + CONTEXT.cr2, task.trap.address);
  put(context + CONTEXT.oldMask, mask);
  put(context + CONTEXT.fp, fp);
  put(context + CONTEXT.mask, mask);
  bytes.set(infoBytes(signal), FRAME.info);
  memory.write(fp, writeFx(registers));
  memory.write(frame, bytes);
  disarm(task);
  resetFpu(registers);
  registers[RSP] = frame;
  registers[RIP] = handler.handler;
  registers[RDI] = BigInt(signal.number);
  registers[RSI] = frame + BigInt(FRAME.info);
  registers[RDX] = frame + BigInt(FRAME.context);
  registers[RAX] = 0n;
  setRflags(task, rflags(task) & ~DF);
}

function rewrite(kernel: Kernel, task: Task, frame: bigint): void {
  const memory = kernel.memory(task.mm);
  const context = frame + BigInt(FRAME.context);
  const bytes = new Uint8Array(8 * 18);
  const view = new DataView(bytes.buffer);
  const words = [...ORDER.map((number) => task.registers[number]!), task.registers[RIP]!, rflags(task)];
  for (const [index, word] of words.entries()) view.setBigUint64(8 * index, BigInt.asUintN(64, word), true);
  memory.write(context + BigInt(CONTEXT.registers), bytes);
  memory.write(memory.u64(context + BigInt(CONTEXT.fp)), writeFx(task.registers));
}

function leave(kernel: Kernel, task: Task): void {
  const { registers } = task;
  const memory = kernel.memory(task.mm);
  const context = registers[RSP]! - 8n + BigInt(FRAME.context);
  const bytes = memory.read(context, FRAME.info - FRAME.context);
  const view = new DataView(bytes.buffer);
  const get = (offset: number): bigint => view.getBigUint64(offset, true);
  const fp = get(CONTEXT.fp);
  const fx = fp === 0n ? undefined : memory.read(fp, FX_SIZE);
  for (const [index, number] of ORDER.entries()) registers[number] = get(CONTEXT.registers + 8 * index);
  registers[RIP] = get(CONTEXT.registers + 128);
  setRflags(task, get(CONTEXT.registers + 136));
  if (fx !== undefined) readFx(registers, fx);
  setMask(kernel, task, get(CONTEXT.mask));
  readAltStack(task, view, CONTEXT.stack, registers[RSP]!);
  // No restart: the call that was interrupted is over.
  task.call = -1n;
  task.restart = undefined;
}

export const FRAMES_X86_64: Frames = { enter, leave, rewrite };
