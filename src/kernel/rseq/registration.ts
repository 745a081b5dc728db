import { fieldSize, offsetOf } from '../../abi/layout.js';
import { explainRegistration } from '../../abi/registration.js';
import { RSEQ, RSEQ_CPU_ID_UNINITIALIZED, RSEQ_FLAG_UNREGISTER } from '../../abi/rseq.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Rseq, Task } from '../state.js';
import { clearRseqCs, fieldAddress, readRseqCs, SLICE_CTRL, writeField } from './area.js';
import { forceUpdate, note } from './events.js';
import { compareIds, getIds, NO_IDS, putIds } from './ids.js';
import { modeOf } from './mode.js';
import { newSlice, sliceFlags } from './slice.js';
import { keepsRules, Violation, violate } from './violation.js';

/** Of a thread without a registration. */
export const newRseq = (): Rseq => ({
  pointer: 0n,
  length: 0,
  signature: 0,
  flags: 0,
  causes: new Set(),
  mask: 0,
  notify: false,
  interrupted: false,
  idsChanged: false,
  ids: NO_IDS,
  slice: newSlice(),
});

/** rseq(2): which row of abi/registration.ts decides, and what success does (kernel/rseq.c SYSCALL_DEFINE4(rseq)). */
export function rseqCall(
  kernel: Kernel,
  task: Task,
  address: bigint,
  length: number,
  flags: number,
  signature: number,
): number {
  const { rseq } = task;
  const found = probe(kernel, task, address);
  const row = explainRegistration(
    { address, length, flags, signature },
    {
      version: kernel.options.version,
      taskSize: kernel.arch.taskSize,
      ...(rseq.pointer === 0n
        ? {}
        : { registered: { address: rseq.pointer, length: rseq.length, signature: rseq.signature } }),
      ...found,
    },
  );
  if (row !== undefined && row.errno !== 'ok') {
    // Since 6.19 the kernel does not wait for the next update to find that out (rseq_reset_ids).
    if (row.id === 'unregister-unwritable' && !modeOf(kernel, rseq).classic)
      violate(kernel, task, new Violation('area-unwritable', row.condition));
    throw new Errno(row.errno);
  }
  const said = { address, length, signature, flags };
  if ((flags & RSEQ_FLAG_UNREGISTER) !== 0) {
    unregister(kernel, task);
    kernel.emit(task, { kind: 'unregister', ...said });
    return 0;
  }
  // Up to 6.14 NULL was accepted and is nothing registered.
  if (address === 0n) return 0;
  register(kernel, task, said);
  kernel.emit(task, { kind: 'register', ...said });
  return 0;
}

/** Can the memory be read and written, and is rseq_cs in it not NULL? */
function probe(
  kernel: Kernel,
  task: Task,
  address: bigint,
): { readable: boolean; writable: boolean; staleRseqCs: boolean } {
  const memory = kernel.memory(task.mm);
  const works = (access: () => void): boolean => {
    try {
      access();
      return true;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      return false;
    }
  };
  const size = offsetOf(RSEQ, 'mm_cid') + fieldSize('u32');
  let rseqCs = 0n;
  const readable = works(() => {
    rseqCs = memory.u64(fieldAddress(address, 'rseq_cs'));
  });
  const writable = readable && works(() => memory.write(address, memory.read(address, size)));
  return { readable, writable, staleRseqCs: rseqCs !== 0n };
}

function register(
  kernel: Kernel,
  task: Task,
  said: Pick<Rseq, 'length' | 'signature' | 'flags'> & { address: bigint },
): void {
  const { address, ...rest } = said;
  const { interrupted } = task.rseq;
  task.rseq = { ...newRseq(), ...rest, pointer: address, interrupted };
  const { rseq } = task;
  const { classic, slice } = modeOf(kernel, rseq);
  forceUpdate(task);
  if (classic) {
    if (kernel.rules.registrationClearsRseqCs && readRseqCs(kernel, task) !== 0n) clearRseqCs(kernel, task);
    // What debug compares with later (up to 6.18): what the program had in the fields.
    if (kernel.rules.kernelFields === 'reported') rseq.ids = getIds(kernel, task);
    return;
  }
  // Since 6.19 all fields begin anew (rseq_register).
  clearRseqCs(kernel, task);
  putIds(kernel, task, NO_IDS);
  if (!kernel.rules.sliceExtension) return;
  writeField(kernel, task, 'flags', sliceFlags(kernel, rseq));
  if (slice) writeField(kernel, task, SLICE_CTRL, 0);
}

/** rseq_reset_rseq_cpu_node_id(), since 6.19 rseq_reset_ids(). */
function unregister(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  const mode = modeOf(kernel, rseq);
  const cpuIdStart = kernel.rules.unregisterCpuIdStart >>> 0;
  const reset = (): void => {
    // 7.1 only writes; before it compares as for every update.
    if (kernel.rules.evaluation !== 'by-length') compareIds(kernel, task);
    putIds(kernel, task, { ...NO_IDS, cpuIdStart, cpuId: RSEQ_CPU_ID_UNINITIALIZED });
    if (kernel.rules.evaluation === 'interrupted-only' && mode.slice) writeField(kernel, task, SLICE_CTRL, 0);
  };
  if (!keepsRules(kernel, task, reset)) throw new Errno('EFAULT');
  task.rseq = newRseq();
}

/**
 * fork(2): the child of a process of its own inherits the registration; with CLONE_VM it has none (rseq_fork). It counts as migrated
 * (wake_up_new_task), so that up to 6.18 a section that it was made in is aborted; since 6.19 it came by a system call, and is not.
 */
export function forkRseq(task: Task, child: Task, sharesMemory: boolean): void {
  if (sharesMemory || task.rseq.pointer === 0n) return;
  child.rseq = { ...structuredClone(task.rseq), causes: new Set(), notify: true, idsChanged: true };
  note(child, 'migrate');
}
