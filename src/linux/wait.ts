import { ERRNO } from '../abi/errno.js';
import { EVENT } from '../abi/ptrace-requests.js';
import { SIG } from '../abi/signals.js';
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';
import { SystemError } from './errors.js';
import { addressOf, fastCall, lastError } from './libc.js';

/**
 * What wait4(2) tells of a thread.
 *   exited, killed   it is gone
 *   syscall          at a system call's beginning or end (TRACESYSGOOD)
 *   event            PTRACE_EVENT_*; `stop` with the signal of the group stop, or SIGTRAP
 *   signal           a signal is about to be delivered: go on with it, or with 0; a thread that we do not trace: it was stopped by it
 */
export type Change =
  | { readonly kind: 'exited'; readonly tid: number; readonly status: number }
  | { readonly kind: 'killed'; readonly tid: number; readonly signal: number; readonly core: boolean }
  | { readonly kind: 'syscall'; readonly tid: number }
  | {
      readonly kind: 'event';
      readonly tid: number;
      readonly event: keyof typeof EVENT | number;
      readonly signal: number;
    }
  | { readonly kind: 'signal'; readonly tid: number; readonly signal: number };

const WNOHANG = 1;
const WUNTRACED = 2;
const WALL = 0x4000_0000;
const EVENT_NAMES = new Map<number, keyof typeof EVENT>(
  Object.entries(EVENT).map(([name, number]) => [number, name as keyof typeof EVENT]),
);
const status = new Uint8Array(4);
let statusAddress = 0;
const statusView = new DataView(status.buffer);

/**
 * Waits for a change of this thread (or -1: any child or tracee of the calling thread); undefined: there is none to wait for, or `block` is
 * false and none has happened. Blocks the calling thread.
 */
export function waitFor(tid: number, block = true): Change | undefined {
  for (;;) {
    statusAddress ||= Number(addressOf(status));
    const got = fastCall(
      SYSCALLS_X86_64['wait4']!,
      tid,
      statusAddress,
      WALL | WUNTRACED | (block ? 0 : WNOHANG),
      0,
    );
    if (got > 0) return decode(got, statusView.getUint32(0, true));
    if (got === 0) return undefined;
    const error = lastError();
    if (error === ERRNO.ECHILD) return undefined;
    if (error !== ERRNO.EINTR) throw new SystemError('wait4', error);
  }
}

/** The status word of wait4(2). */
export function decode(tid: number, word: number): Change {
  const low = word & 0x7f;
  if (low === 0) return { kind: 'exited', tid, status: (word >> 8) & 0xff };
  if (low !== 0x7f) return { kind: 'killed', tid, signal: low, core: (word & 0x80) !== 0 };
  const signal = (word >> 8) & 0xff;
  const event = word >> 16;
  if (event !== 0) return { kind: 'event', tid, event: EVENT_NAMES.get(event) ?? event, signal };
  if (signal === (SIG.SIGTRAP | 0x80)) return { kind: 'syscall', tid };
  return { kind: 'signal', tid, signal };
}
