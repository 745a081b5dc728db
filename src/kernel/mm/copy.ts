import type { Kernel } from '../kernel.js';
import type { Mm } from '../state.js';

/** What a fork bomb meets: EAGAIN, as at RLIMIT_NPROC. Each address space is a WebAssembly memory, of which there can be some 90. */
export const maxProcesses = { tasks: 4096, spaces: 64 } as const;

/** fork(2): an address space of its own with the same content (dup_mm). */
export function copyMm(kernel: Kernel, mm: Mm): Mm {
  const copy: Mm = { ...structuredClone(mm), id: kernel.state.nextId++, users: 1 };
  kernel.spaces.fork(copy.id, mm.id);
  return copy;
}
