/** Descriptors of another process, as ours. */
import { closeSync } from 'node:fs';
import { call } from './libc.js';

/** pidfd_getfd(2): the same open file, under a number of ours for as long as `use` runs. The permission of ptrace is needed. Throws SystemError. */
export function withDescriptor<T>(pid: number, fd: number, use: (own: number) => T): T {
  const process = call('pidfd_open', pid, 0);
  try {
    const own = call('pidfd_getfd', process, fd, 0);
    try {
      return use(own);
    } finally {
      closeSync(own);
    }
  } finally {
    closeSync(process);
  }
}
