import {
  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
} from '../../abi/membarrier.js';
import { isErrno } from '../../linux/errors.js';
import { findSyscall, inThreadUnfiltered } from '../../linux/inject.js';
import { writeMemory } from '../../linux/memory.js';
import type { Space } from '../keeper/space.js';
import type { TracedThread } from '../keeper/traced.js';

/**
 * A thread that is stopped inside a section calls membarrier(2), which aborts the sections that other threads of its process are in. The call takes it
 * out of its own section meanwhile, so that the kernel clears its rseq_cs; that is put back, and the section is aborted as by any other stop.
 */
export class Barrier {
  private readonly ready = new WeakMap<Space, bigint | undefined>();

  /** `rseqCs`: address of the thread's field; `options`: of ptrace. False where no such call can be made here. */
  call(thread: TracedThread, rseqCs: number, options: number): boolean {
    const { space, pid } = thread.process;
    const descriptor = space.read(rseqCs, 8);
    const known = this.ready.has(space);
    if (!known) this.ready.set(space, findSyscall(pid));
    const instruction = this.ready.get(space);
    if (descriptor === undefined || instruction === undefined) return false;
    try {
      inThreadUnfiltered(thread.tid, instruction, { options }, (call) => {
        if (!known) call('membarrier', MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
        call('membarrier', MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
      });
    } catch (error) {
      if (isErrno(error, 'ESRCH')) return true;
      this.ready.set(space, undefined);
      return false;
    } finally {
      writeMemory(pid, BigInt(rseqCs), descriptor);
    }
    return true;
  }
}
