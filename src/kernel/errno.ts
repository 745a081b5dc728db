import { ERRNO, type ErrnoName } from '../abi/errno.js';

/** Ends a system call with an error. */
export class Errno extends Error {
  constructor(readonly code: ErrnoName) {
    super(code);
  }

  /** As the call returns it: below 0. */
  get value(): number {
    return -ERRNO[this.code];
  }
}

/** `-EINVAL` as a number, for calls that return it. */
export const failure = (code: ErrnoName): number => -ERRNO[code];
