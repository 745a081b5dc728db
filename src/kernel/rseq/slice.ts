import { hex } from '../../abi/address.js';
import { ENOTSUPP } from '../../abi/errno.js';
import { RSEQ_FLAG_SLICE_EXT_DEFAULT_ON } from '../../abi/rseq.js';
import { PR_RSEQ_SLICE, RSEQ_SLICE_NANOSECONDS, SLICE_EXT } from '../../abi/slice.js';
import { RSEQ_SLICE_YIELD_SYSCALL } from '../../abi/syscalls.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { hasSignal } from '../signal/send.js';
import type { CpuState, Rseq, RseqSlice, Task } from '../state.js';
import { addTimer } from '../wait.js';
import { readField, SLICE_CTRL, writeField } from './area.js';
import { modeOf } from './mode.js';
import { keepsRules, Violation } from './violation.js';

/**
 * Time slice extension (7.0; Documentation/userspace-api/rseq.rst): a thread that asks for it, and would lose its CPU in its program, keeps it
 * for 5 microseconds more.
 */

/** slice_ctrl as one word: request is the first byte, granted the second. */
const REQUEST = 0xff;
const GRANTED = 1 << 8;

export const newSlice = (): RseqSlice => ({
  enabled: false,
  granted: false,
  yielded: false,
  work: false,
  expires: 0,
});

/** What registration writes to rseq.flags (rseq_register). Up to 7.0 for every length. */
export function sliceFlags(kernel: Kernel, rseq: Rseq): number {
  if (!modeOf(kernel, rseq).slice) return 0;
  rseq.slice.enabled = (rseq.flags & RSEQ_FLAG_SLICE_EXT_DEFAULT_ON) !== 0;
  return SLICE_EXT.AVAILABLE | (rseq.slice.enabled ? SLICE_EXT.ENABLED : 0);
}

/**
 * The current thread of a CPU is to give way: true where it need not yet (rseq_grant_slice_extension, called for a thread that leaves the
 * kernel with TIF_NEED_RESCHED).
 */
export function grantSlice(kernel: Kernel, cpu: CpuState): boolean {
  const task = cpu.current;
  if (task === undefined || task.state !== 'runnable' || task.rseq.pointer === 0n) return false;
  const { slice, interrupted } = task.rseq;
  if (!(slice.enabled && interrupted) && !slice.granted) return false;
  // A second interrupt ends the grant, and whatever else is to do on the way out forbids it (TIF_SLICE_EXT_DENY).
  const denied = slice.granted || task.killed !== undefined || hasSignal(task) || task.rseq.notify;
  let given = false;
  keepsRules(kernel, task, () => {
    if (denied) {
      writeField(kernel, task, SLICE_CTRL, 0);
      slice.granted = false;
      return;
    }
    const control = readField(kernel, task, SLICE_CTRL);
    if ((control & REQUEST) === 0) return;
    writeField(kernel, task, SLICE_CTRL, (control & ~REQUEST) | GRANTED);
    given = true;
  });
  if (!given) return false;
  slice.granted = true;
  slice.expires = kernel.state.clock + RSEQ_SLICE_NANOSECONDS;
  cpu.reschedule = false;
  kernel.emit(task, { kind: 'slice', what: 'granted' });
  return true;
}

/** The thread goes out to its program: its timer starts (rseq_arm_slice_extension_timer). False where the time is up already. */
export function armSlice(kernel: Kernel, task: Task): boolean {
  const { slice } = task.rseq;
  if (!slice.granted) return true;
  const { state } = kernel;
  if (slice.expires < state.clock) {
    state.cpus[task.cpu]!.reschedule = true;
    return false;
  }
  state.timers = state.timers.filter((timer) => timer.kind !== 'slice' || timer.task !== task);
  addTimer(kernel, { kind: 'slice', at: slice.expires, task });
  slice.work = true;
  return true;
}

/** The time is up (rseq_slice_expired). */
export function sliceExpired(kernel: Kernel, task: Task): void {
  const cpu = kernel.state.cpus[task.cpu]!;
  if (cpu.current !== task || !task.rseq.slice.granted) return;
  kernel.emit(task, { kind: 'slice', what: 'expired' });
  cpu.reschedule = true;
}

/**
 * A system call begins (rseq_syscall_enter_work). True where it ends a grant: the thread gives its CPU away before the call is done, and
 * `endSlice` comes when it has it again.
 */
export function sliceEntersCall(kernel: Kernel, task: Task, number: number): boolean {
  const { slice } = task.rseq;
  if (!slice.work) return false;
  slice.work = false;
  if (kernel.options.debugRseq)
    keepsRules(kernel, task, () => {
      const control = readField(kernel, task, SLICE_CTRL);
      const expected = slice.granted ? GRANTED : 0;
      if (control !== expected)
        throw new Violation('slice-flags', `slice_ctrl is ${hex(control)}, not ${hex(expected)}`);
    });
  if (!slice.granted) return false;
  const { state } = kernel;
  state.timers = state.timers.filter((timer) => timer.kind !== 'slice' || timer.task !== task);
  const yields = number === RSEQ_SLICE_YIELD_SYSCALL;
  if (yields) slice.yielded = true;
  state.cpus[task.cpu]!.reschedule = true;
  kernel.emit(task, { kind: 'slice', what: yields ? 'yielded' : 'revoked' });
  return true;
}

/** The grant is over in the kernel and in struct rseq. */
export function endSlice(kernel: Kernel, task: Task): void {
  task.rseq.slice.granted = false;
  if (task.rseq.pointer !== 0n) keepsRules(kernel, task, () => writeField(kernel, task, SLICE_CTRL, 0));
}

/** rseq_slice_yield(2): 1 where the thread gave its CPU away within a grant. */
export function sliceYield(kernel: Kernel, task: Task): number {
  if (!(kernel.rules.sliceExtension && kernel.rules.genericEntry)) throw new Errno('ENOSYS');
  const { slice } = task.rseq;
  const yielded = slice.yielded ? 1 : 0;
  slice.yielded = false;
  return yielded;
}

/** prctl(PR_RSEQ_SLICE_EXTENSION, ...) (rseq_slice_extension_prctl; kernel/sys.c). EINVAL, ENXIO, ENOTSUPP, or EFAULT with SIGSEGV. */
export function slicePrctl(
  kernel: Kernel,
  task: Task,
  [operation, value, fourth, fifth]: readonly [bigint, bigint, bigint, bigint],
): number {
  if (!kernel.rules.sliceExtension || fourth !== 0n || fifth !== 0n) throw new Errno('EINVAL');
  // Built without CONFIG_RSEQ_SLICE_EXTENSION.
  if (!kernel.rules.genericEntry) return -ENOTSUPP;
  const { slice, pointer } = task.rseq;
  if (operation === PR_RSEQ_SLICE.GET) {
    if (value !== 0n) throw new Errno('EINVAL');
    return slice.enabled ? Number(PR_RSEQ_SLICE.ENABLE) : 0;
  }
  if (operation !== PR_RSEQ_SLICE.SET || (value & ~PR_RSEQ_SLICE.ENABLE) !== 0n) throw new Errno('EINVAL');
  if (pointer === 0n) throw new Errno('ENXIO');
  if (!modeOf(kernel, task.rseq).slice) return -ENOTSUPP;
  const enable = value === PR_RSEQ_SLICE.ENABLE;
  if (enable === slice.enabled) return 0;
  const changed = keepsRules(kernel, task, () => {
    const flags = readField(kernel, task, 'flags');
    const valid = SLICE_EXT.AVAILABLE | (slice.enabled ? SLICE_EXT.ENABLED : 0);
    if ((flags & valid) !== valid)
      throw new Violation(
        'slice-flags',
        `rseq.flags is ${hex(flags)}: the bits ${hex(valid)} that the kernel had set are gone`,
      );
    const others = flags & ~SLICE_EXT.ENABLED;
    writeField(kernel, task, 'flags', others | SLICE_EXT.AVAILABLE | (enable ? SLICE_EXT.ENABLED : 0));
  });
  if (!changed) throw new Errno('EFAULT');
  slice.enabled = enable;
  return 0;
}
