import { ERRNO, type ErrnoName } from '../abi/errno.js';

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));

/** A system call of ours that failed. `code` is the name of the error, as Node's own errors have it. */
export class SystemError extends Error {
  readonly code: ErrnoName;
  constructor(
    readonly call: string,
    readonly errno: number,
  ) {
    const name = NAMES.get(errno) ?? `errno ${errno}`;
    super(`${call}: ${name}`);
    this.code = name as ErrnoName;
  }
}

/** True for a SystemError, or an error of Node's, with one of these names. */
export const isErrno = (error: unknown, ...names: readonly ErrnoName[]): boolean =>
  (names as readonly unknown[]).includes((error as { code?: unknown } | undefined)?.code);

/** What keeps this machine from working on real processes, in one line, with the remedy. */
export class Unavailable extends Error {}
