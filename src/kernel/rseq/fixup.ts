import { hex } from '../../abi/address.js';
import { RSEQ_CS_FLAGS } from '../../abi/rseq.js';
import type { ViolationId } from '../../abi/violations.js';
import type { AbortCause } from '../../event/event.js';
import { flagsFault } from '../../process/judge.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';
import { clearRseqCs, readField, readRseqCs } from './area.js';
import { bitOf, EVENT_BITS } from './events.js';
import { type Looked, look } from './validate.js';
import { Violation } from './violation.js';

/** Up to 6.18: rseq_ip_fixup() of kernel/rseq.c. */
export function fixupClassic(kernel: Kernel, task: Task): void {
  const pointer = readRseqCs(kernel, task);
  // The kernel writes NULL over NULL then; where it cannot, it finds out again with the numbers.
  if (pointer === 0n) return;
  const looked = look(kernel, task, pointer);
  if (!looked.inside) clear(kernel, task, pointer);
  else if (needsRestart(kernel, task, looked)) abort(kernel, task, looked);
}

/** Since 6.19: rseq_update_user_cs() and rseq_debug_update_user_cs() of include/linux/rseq_entry.h. Every look at an interrupted section aborts it. */
export function fixupModern(
  kernel: Kernel,
  task: Task,
  pointer: bigint,
  /** What it is called if there is no interrupt that the section could be aborted for: debug kills then. */
  withoutInterrupt: ViolationId,
): void {
  const looked = look(kernel, task, pointer);
  if (!looked.inside) {
    clear(kernel, task, pointer);
    return;
  }
  if (kernel.options.debugRseq && !task.rseq.interrupted)
    throw new Violation(
      withoutInterrupt,
      `the thread leaves a system call at ${hex(task.registers[RIP]!)}, inside the section`,
      looked.bounds,
    );
  abort(kernel, task, looked);
}

function clear(kernel: Kernel, task: Task, rseqCs: bigint): void {
  clearRseqCs(kernel, task);
  kernel.emit(task, { kind: 'clear', rseqCs, ip: task.registers[RIP]! });
}

function abort(kernel: Kernel, task: Task, { bounds }: Looked): void {
  clearRseqCs(kernel, task);
  const causes = [...task.rseq.causes].sort() as AbortCause[];
  kernel.emit(task, { kind: 'abort', ip: task.registers[RIP]!, ...bounds, causes });
  task.registers[RIP] = bounds.abortIp;
}

/** rseq_need_restart(): flags of the descriptor and of the thread, and whether anything happened at all. */
function needsRestart(kernel: Kernel, task: Task, { flags: csFlags, bounds }: Looked): boolean {
  const { noRestartFlags } = kernel.rules;
  const ofThread = (): number => readField(kernel, task, 'flags');
  let ignored = 0;
  if (noRestartFlags === 'honoured') {
    ignored = ofThread() | csFlags;
    const both = bitOf('preempt') | bitOf('migrate');
    if ((ignored & bitOf('signal')) !== 0 && (ignored & both) !== both)
      throw new Violation(
        'flags',
        `flags ${hex(ignored >>> 0)}: NO_RESTART_ON_SIGNAL needs NO_RESTART_ON_PREEMPT and NO_RESTART_ON_MIGRATE beside it`,
        bounds,
      );
  } else {
    refuse(kernel, task, 'rseq_cs', csFlags, bounds);
    refuse(kernel, task, 'rseq', ofThread(), bounds);
  }
  const { rseq } = task;
  const happened = rseq.mask;
  rseq.mask = 0;
  if (rseq.causes.size === 0)
    for (const [cause, bit] of EVENT_BITS) if ((happened & bit) !== 0) rseq.causes.add(cause);
  return kernel.rules.aborts && (happened & ~ignored) !== 0;
}

/** rseq_warn_flags(), which prints, and the kill, where this kernel minds the flags. */
function refuse(
  kernel: Kernel,
  task: Task,
  where: 'rseq' | 'rseq_cs',
  flags: number,
  bounds: Looked['bounds'],
): void {
  const fault = flagsFault(where, flags, kernel.rules);
  if (fault === undefined) return;
  const deprecated = RSEQ_CS_FLAGS.reduce((bits, { value }) => bits | (flags & value), 0);
  const say = (kind: string, bits: number): void => {
    if (bits !== 0)
      kernel.emit(task, { kind: 'log', text: `${kind} flags (${bits >>> 0}) in ${where} ABI structure` });
  };
  say('Deprecated', deprecated);
  say('Unknown', flags & ~deprecated);
  throw new Violation(fault.rule, fault.message, bounds);
}
