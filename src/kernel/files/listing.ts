import type { Kernel } from '../kernel.js';
import type { Entry } from './file.js';
import { MOUNTS } from './tree.js';

/** Directories that there are without a host. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  '/': ['dev', 'proc', 'run', 'sys', 'tmp', 'var'],
  '/dev': ['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero'],
  '/var': ['tmp'],
};

/** What is in a directory that is no tree of the simulation: what there always is, and what the host shows. */
export function directoryEntries(kernel: Kernel, path: string): readonly Entry[] | undefined {
  const fixed = FIXED[path];
  const host = kernel.host.directory(path);
  if (fixed === undefined && host === undefined) return undefined;
  const names = new Set([...(fixed ?? []), ...(host ?? [])]);
  const isDirectory = (name: string): boolean => {
    const full = path === '/' ? `/${name}` : `${path}/${name}`;
    return FIXED[full] !== undefined || MOUNTS.includes(full as '/tmp') || ['/proc', '/sys'].includes(full);
  };
  return [...names].sort().map((name) => ({ name, type: isDirectory(name) ? 'd' : '?' }));
}
