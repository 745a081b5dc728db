import type { Stop } from '../machine/cpu.js';
import { faultAArch64 } from './arch/aarch64-faults.js';
import type { ArchName } from './arch/arch.js';
import { faultX86 } from './arch/x86-64-faults.js';
import type { Kernel } from './kernel.js';
import type { Task } from './state.js';

type Fault = (kernel: Kernel, task: Task, stop: Exclude<Stop, { reason: 'budget' }>) => void;

const FAULTS: Readonly<Record<ArchName, Fault>> = { 'x86-64': faultX86, aarch64: faultAArch64 };

/** What the processor refuses becomes a signal. */
export const fault: Fault = (kernel, task, stop) => FAULTS[kernel.arch.name](kernel, task, stop);
