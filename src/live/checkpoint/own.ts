/** What only a process itself can ask of the kernel about itself, and set again: in one of its threads. */

import { ERRNO } from '../../abi/errno.js';
import type { ProcessImage } from '../../checkpoint/image.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { readForced } from '../../linux/memory.js';

/** prctl(2): what reads and what sets it, and whether it is read to memory. */
const PRCTLS: readonly (readonly [name: string, get: number, set: number, how: 'result' | 'memory'])[] = [
  ['dumpable', 3, 4, 'result'],
  ['childSubreaper', 37, 36, 'memory'],
  ['thpDisable', 42, 41, 'result'],
];

/** membarrier(2), MEMBARRIER_CMD_GET_REGISTRATIONS (6.3). */
const GET_REGISTRATIONS = 1 << 9;

export function ownOf(pid: number, call: InThread): Pick<ProcessImage, 'membarrier' | 'attributes'> {
  const membarrier = optional(() => Number(call('membarrier', GET_REGISTRATIONS, 0, 0)));
  const attributes: Record<string, number> = {};
  for (const [name, get, , how] of PRCTLS) {
    const value =
      how === 'result'
        ? optional(() => Number(call('prctl', get, 0, 0, 0, 0)))
        : withBytes(
            pid,
            call,
            () => new Uint8Array(4),
            (at) => {
              call('prctl', get, at, 0, 0, 0);
              return new DataView(readForced(pid, at, 4)!.buffer).getInt32(0, true);
            },
          );
    if (value !== undefined) attributes[name] = value;
  }
  return { attributes, ...(membarrier !== undefined && { membarrier }) };
}

/** The kernel refuses 2, which it sets itself. */
const SETTABLE = 1;

export function setOwn(call: InThread, { membarrier = 0, attributes = {} }: ProcessImage): void {
  for (let bit = 0; bit < 31; bit++) if (membarrier & (1 << bit)) call('membarrier', 1 << bit, 0, 0);
  for (const [name, , set] of PRCTLS) {
    const value = attributes[name];
    if (value !== undefined && value <= SETTABLE) optional(() => Number(call('prctl', set, value, 0, 0, 0)));
  }
}

/** What this kernel does not know. */
function optional(ask: () => number): number | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof SystemError && (error.errno === ERRNO.EINVAL || isErrno(error, 'ENOSYS')))
      return undefined;
    throw error;
  }
}
