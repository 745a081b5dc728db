import { SI, SIG } from '../../abi/signals.js';
import type { Access } from '../../machine/page-fault.js';
import type { Kernel } from '../kernel.js';
import { type FaultOutcome, resolveFault } from '../mm/fault.js';
import { RIP } from '../registers.js';
import { forceSignal } from '../signal/send.js';
import type { Task } from '../state.js';

/** A signal that a fault becomes. */
export interface FaultSignal {
  readonly number: number;
  readonly code: number;
}

/** By what became of an access. */
const FAULT_SIGNALS: Readonly<Record<FaultOutcome, FaultSignal | undefined>> = {
  done: undefined,
  killed: undefined,
  unmapped: { number: SIG.SIGSEGV, code: SI.SEGV_MAPERR },
  forbidden: { number: SIG.SIGSEGV, code: SI.SEGV_ACCERR },
  beyond: { number: SIG.SIGBUS, code: SI.BUS_ADRERR },
};

/** Makes a page present that the program wanted; or the signal that it gets. */
export const faultSignal = (
  kernel: Kernel,
  task: Task,
  address: bigint,
  access: Access,
): FaultSignal | undefined => FAULT_SIGNALS[resolveFault(kernel, task.mm, address, access)];

/** An instruction that the simulated machine does not have. */
export function unknownInstruction(
  kernel: Kernel,
  task: Task,
  { text, bytes }: { readonly text: string; readonly bytes: Uint8Array },
  code: number,
): void {
  const ip = task.registers[RIP]!;
  const shown = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  kernel.emit(task, { kind: 'unknown-instruction', ip, bytes: shown, text });
  forceSignal(kernel, task, { number: SIG.SIGILL, code, address: ip });
}
