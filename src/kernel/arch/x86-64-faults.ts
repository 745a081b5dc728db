import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  InstructionInfoFactory,
  OpAccess,
} from 'iced-x86';
import { SI, SIG } from '../../abi/signals.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import type { Stop } from '../../machine/cpu.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import { forceSignal } from '../signal/send.js';
import type { Task } from '../state.js';
import { faultSignal, unknownInstruction } from './faults.js';
import { floatException } from './x86-64-fx.js';

/** What the processor refuses becomes a signal (arch/x86/kernel/traps.c, mm/fault.c). */
export function faultX86(kernel: Kernel, task: Task, stop: Exclude<Stop, { reason: 'budget' }>): void {
  const ip = task.registers[RIP]!;
  if (stop.reason === 'fault') {
    const { address, access } = stop.fault;
    if (!isCanonical(address)) {
      task.trap = { number: X86_TRAP_GP, error: 0, address: 0n };
      forceSignal(kernel, task, { number: SIG.SIGSEGV, code: SI.KERNEL, address: 0n });
      return;
    }
    // Whether an address of the kernel is there is nobody's business: it always is (sanitize_error_code).
    const present = address >= TASK_SIZE['x86-64'].usual || kernel.spaces.of(task.mm.id).isPresent(address);
    const signal = faultSignal(kernel, task, address, access);
    if (signal === undefined) return;
    const kind = access === 'read' && modifies(kernel, task) ? PF.write : PF[access];
    task.trap = { number: X86_TRAP_PF, error: (present ? PF.PROT : 0) | PF.USER | kind, address };
    forceSignal(kernel, task, { ...signal, address });
    return;
  }
  if (stop.reason === 'unknown' || stop.trap === 'unsupported') {
    const code = kernel.spaces.of(task.mm.id).machine.fetch(ip);
    const { text, length } = disassemble(code, ip);
    task.trap = { ...task.trap, number: X86_TRAP_UD, error: 0 };
    unknownInstruction(kernel, task, { text, bytes: code.subarray(0, length) }, SI.ILL_ILLOPN);
    return;
  }
  if (stop.trap === 'float') {
    const { code, trap } = floatException(task.registers);
    task.trap = { ...task.trap, number: trap, error: 0 };
    forceSignal(kernel, task, { number: SIG.SIGFPE, code, address: ip });
    return;
  }
  if (stop.trap === 'breakpoint' && kernel.onBreakpoint?.(task) === true) return;
  const [number, code, trap] = TRAP_SIGNALS[stop.trap] ?? [SIG.SIGSEGV, SI.KERNEL, X86_TRAP_GP];
  task.trap = { ...task.trap, number: trap, error: 0 };
  forceSignal(kernel, task, { number, code, address: code === SI.KERNEL ? 0n : ip });
}

const X86_TRAP_UD = 6;
const X86_TRAP_GP = 13;
const X86_TRAP_PF = 14;
/** The error code of a page fault (arch/x86/include/asm/trap_pf.h), by its access too. */
const PF = { PROT: 1, USER: 4, read: 0, write: 2, execute: 16 } as const;

/** Bits 47 to 63 are alike (Intel SDM vol. 1, 3.3.7.1); another address is a general protection fault, which does not say where. */
const isCanonical = (address: bigint): boolean => {
  const top = BigInt.asIntN(64, address) >> 47n;
  return top === 0n || top === -1n;
};

/** The trap's number as in arch/x86/include/asm/trapnr.h. */
const TRAP_SIGNALS: Readonly<Record<string, readonly [signal: number, code: number, trap: number]>> = {
  undefined: [SIG.SIGILL, SI.ILL_ILLOPN, X86_TRAP_UD],
  breakpoint: [SIG.SIGTRAP, SI.KERNEL, 3],
  divide: [SIG.SIGFPE, SI.FPE_INTDIV, 0],
  halt: [SIG.SIGSEGV, SI.KERNEL, X86_TRAP_GP],
  overflow: [SIG.SIGSEGV, SI.KERNEL, 4],
};

/** An instruction that reads memory to write it faults as a write (measured). */
function modifies(kernel: Kernel, task: Task): boolean {
  const ip = task.registers[RIP]!;
  const decoder = new Decoder(64, kernel.spaces.of(task.mm.id).machine.fetch(ip), DecoderOptions.None);
  const factory = new InstructionInfoFactory();
  const instruction = decoder.decode();
  const info = factory.info(instruction);
  const both: readonly OpAccess[] = [OpAccess.ReadWrite, OpAccess.ReadCondWrite];
  const found = info.usedMemory().some(({ access }) => both.includes(access));
  for (const each of [info, instruction, factory, decoder]) each.free();
  return found;
}

export function disassemble(bytes: Uint8Array, ip: bigint): { text: string; length: number } {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = ip;
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Gas);
  const text = formatter.format(instruction);
  const { length } = instruction;
  formatter.free();
  instruction.free();
  decoder.free();
  return { text, length };
}
