import { SI, SIG, signalDefault } from '../../abi/signals.js';
import type { Handler, Signal } from '../state.js';

export const SIG_DFL = 0n;
export const SIG_IGN = 1n;

/** Sets of signals: bit n - 1 for signal n, as in sigset_t. */
export const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1);
const setOf = (numbers: readonly number[]): bigint =>
  numbers.reduce((set, number) => set | bitOf(number), 0n);
export const has = (set: bigint, signal: number): boolean => (set & bitOf(signal)) !== 0n;

/** Neither can be caught, blocked or ignored. */
export const UNBLOCKABLE = setOf([SIG.SIGKILL, SIG.SIGSTOP]);
/** include/linux/signal.h SIG_KERNEL_STOP_MASK. */
export const STOPS = setOf([SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU]);
/** Caused by the thread's own instruction: delivered before others (kernel/signal.c SYNCHRONOUS_MASK). */
export const SYNCHRONOUS = setOf([SIG.SIGSEGV, SIG.SIGBUS, SIG.SIGILL, SIG.SIGTRAP, SIG.SIGFPE, SIG.SIGSYS]);
/** The first real-time signal: from here on each is queued, not only noted. */
export const SIGRTMIN = 32;

const NOTHING = {
  code: SI.KERNEL,
  pid: 0,
  uid: 0,
  address: 0n,
  value: 0n,
  status: 0,
  forced: false,
} as const;

export const makeSignal = (number: number, rest: Partial<Omit<Signal, 'number'>> = {}): Signal => ({
  ...NOTHING,
  number,
  ...rest,
});

/** sig_handler_ignored(). */
export const isIgnored = (number: number, { handler }: Handler): boolean =>
  handler === SIG_IGN || (handler === SIG_DFL && ['ignore', 'continue'].includes(signalDefault(number)));

/** sig_fatal(): it ends the process where nobody handles it. */
export const isFatal = (number: number, { handler }: Handler): boolean =>
  handler === SIG_DFL && ['terminate', 'core'].includes(signalDefault(number));
