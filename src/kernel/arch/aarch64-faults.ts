import { asAddr } from '../../abi/address.js';
import { SI, SIG } from '../../abi/signals.js';
import { aarch64 } from '../../isa/aarch64/decoder.js';
import type { Stop } from '../../machine/cpu.js';
import type { Access } from '../../machine/page-fault.js';
import type { Kernel } from '../kernel.js';
import { general, RIP } from '../registers.js';
import { forceSignal } from '../signal/send.js';
import type { Task } from '../state.js';
import { faultSignal, unknownInstruction } from './faults.js';

/**
 * The exception syndrome of what a program was stopped by, ESR_EL1 (Arm ARM D24.2.40; arch/arm64/include/asm/esr.h), kept in Task.trap.error: class, IL, and of
 * an abort WnR and the status code. 0: none, so that signal frames have no record of it.
 */
const EC = { INSTRUCTION: 0x20, DATA: 0x24, PC_ALIGNMENT: 0x22 } as const;
const IL = 1 << 25;
const WNR = 1 << 6;
/** Translation fault, permission fault, at the last level; alignment fault. */
const DFSC = { unmapped: 0x07, forbidden: 0x0f, alignment: 0x21 } as const;

const syndrome = (access: Access, status: number): number =>
  (((access === 'execute' ? EC.INSTRUCTION : EC.DATA) << 26) |
    IL |
    (access === 'write' ? WNR : 0) |
    status) >>>
  0;

/** What the processor refuses becomes a signal (arch/arm64/mm/fault.c, kernel/traps.c, debug-monitors.c). */
export function faultAArch64(kernel: Kernel, task: Task, stop: Exclude<Stop, { reason: 'budget' }>): void {
  const ip = task.registers[RIP]!;
  if (stop.reason === 'fault') {
    const { address, access } = stop.fault;
    const signal = faultSignal(kernel, task, address, access);
    if (signal === undefined) return;
    const status = signal.code === SI.SEGV_ACCERR ? DFSC.forbidden : DFSC.unmapped;
    task.trap = { number: 0, error: syndrome(access, status), address };
    forceSignal(kernel, task, { ...signal, address });
    return;
  }
  if (ip % 4n !== 0n) {
    task.trap = { number: 0, error: ((EC.PC_ALIGNMENT << 26) | IL) >>> 0, address: ip };
    forceSignal(kernel, task, { number: SIG.SIGBUS, code: SI.BUS_ADRALN, address: ip });
    return;
  }
  if (stop.reason === 'trap' && stop.trap === 'alignment') {
    const address = misaligned(kernel, task);
    task.trap = { number: 0, error: syndrome('read', DFSC.alignment), address };
    forceSignal(kernel, task, { number: SIG.SIGBUS, code: SI.BUS_ADRALN, address });
    return;
  }
  if (stop.reason === 'unknown' || stop.trap === 'unsupported') {
    const bytes = kernel.spaces.of(task.mm.id).machine.fetch(ip).subarray(0, 4);
    const { text, flow } = aarch64.decode(bytes, asAddr(ip)!);
    task.trap = NONE;
    unknownInstruction(kernel, task, { text: flow === 'unknown' ? '(unknown)' : text, bytes }, SI.ILL_ILLOPC);
    return;
  }
  if (stop.trap === 'brk') {
    if (kernel.onBreakpoint?.(task) === true) return;
    forceSignal(kernel, task, { number: SIG.SIGTRAP, code: SI.TRAP_BRKPT, address: ip });
    return;
  }
  task.trap = NONE;
  forceSignal(kernel, task, { number: SIG.SIGILL, code: SI.ILL_ILLOPC, address: ip });
}

/** arm64_notify_die(). */
const NONE = { number: 0, error: 0, address: 0n } as const;

/** The base register (Rn, bits 9 to 5) of an instruction that wants its operand aligned. */
function misaligned(kernel: Kernel, { registers, mm }: Task): bigint {
  const ip = registers[RIP]!;
  const code = kernel.spaces.of(mm.id).machine.fetch(ip);
  const word = new DataView(code.buffer, code.byteOffset).getUint32(0, true);
  return registers[general((word >>> 5) & 31)]!;
}
