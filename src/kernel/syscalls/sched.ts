import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { dequeue, enqueue } from '../schedule.js';
import type { Task } from '../state.js';
import { type Calls, int, size } from './call.js';

function taskOf(kernel: Kernel, task: Task, tid: bigint): Task {
  const found = int(tid) === 0 ? task : kernel.state.tasks.get(int(tid));
  if (found === undefined) throw new Errno('ESRCH');
  return found;
}

/** Bytes of the kernel's cpumask for up to 64 CPUs. */
const MASK = 8;

export const SCHED: Calls = {
  sched_yield: ({ kernel, task }) => {
    const cpu = kernel.state.cpus[task.cpu]!;
    if (cpu.queue.length > 0) cpu.reschedule = true;
    return 0;
  },
  sched_getaffinity: ({ kernel, task, memory, arguments: [tid, length, mask] }) => {
    if (size(length) < MASK || size(length) % 8 !== 0) throw new Errno('EINVAL');
    memory.setU64(mask!, taskOf(kernel, task, tid!).affinity);
    return MASK;
  },
  sched_setaffinity: ({ kernel, task, memory, arguments: [tid, length, mask] }) => {
    const target = taskOf(kernel, task, tid!);
    const bytes = memory.read(mask!, Math.min(size(length), MASK));
    const possible = (1n << BigInt(kernel.state.cpus.length)) - 1n;
    const wanted =
      bytes.reduce((bits, byte, index) => bits | (BigInt(byte) << BigInt(8 * index)), 0n) & possible;
    if (wanted === 0n) throw new Errno('EINVAL');
    target.affinity = wanted;
    const here = ((wanted >> BigInt(target.cpu)) & 1n) === 1n;
    if (here || target.state !== 'runnable') return 0;
    const cpu = kernel.state.cpus[target.cpu]!;
    // A thread that runs is made to give way, and moves then; one that waits for the CPU moves at once.
    if (cpu.current === target) cpu.reschedule = true;
    else {
      dequeue(kernel, target);
      enqueue(kernel, target);
    }
    return 0;
  },
  sched_getscheduler: () => 0,
  sched_setscheduler: () => 0,
  sched_getparam: ({ memory, arguments: [, parameter] }) => {
    memory.setU32(parameter!, 0);
    return 0;
  },
  sched_get_priority_max: () => 0,
  sched_get_priority_min: () => 0,
};
