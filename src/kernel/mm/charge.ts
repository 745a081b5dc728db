import type { DirectoryNode } from '../files/file.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../state.js';
import type { MemoryObject } from './object.js';
import { countPages, HELD } from './pages.js';

/**
 * Accounts for a page that begins to hold something. Beyond the limit the process that wanted it is killed, as with
 * vm.oom_kill_allocating_task, when it next leaves the kernel. The running count leaves out that shared pages go when nobody refers to them
 * any more, so that it is made anew before anybody dies of it.
 */
export function charge(kernel: Kernel, mm: Mm | undefined): void {
  const { state } = kernel;
  const limit = kernel.options.memoryLimit;
  if (++state.resident <= limit || mm === undefined || mm.outOfMemory) return;
  state.resident = residentPages(kernel);
  mm.outOfMemory = state.resident > limit;
}

export function uncharge(kernel: Kernel): void {
  kernel.state.resident--;
}

/** Pages of one address space that are its own or shown by it (VmRSS). */
export const residentOf = (mm: Mm): number => countPages(mm.pages, (held) => held !== HELD.STALE);

/** All pages that hold something, counted: each copy takes room, also where Linux would have one page. */
export function residentPages({ state }: Kernel): number {
  const objects = new Set<MemoryObject>();
  let pages = 0;
  for (const mm of state.mms.values()) {
    pages += countPages(mm.pages, () => true);
    for (const { object } of mm.areas) if (object !== undefined) objects.add(object);
  }
  for (const files of new Set([...state.tasks.values()].map((task) => task.files)))
    for (const descriptor of files.descriptors) {
      const inode = descriptor?.file.inode;
      if (inode?.kind === 'regular') objects.add(inode.object);
    }
  const visit = ({ entries }: DirectoryNode): void => {
    for (const node of entries.values()) {
      if (node.kind === 'directory') visit(node);
      else if (node.kind === 'regular') objects.add(node.object);
    }
  };
  for (const root of state.mounts.values()) visit(root);
  for (const object of objects) pages += object.pages.size;
  return pages;
}
