import { SIG } from '../abi/signals.js';

/** Exit status of every command (docs/check.md). */
export const EXIT = { OK: 0, FOUND: 1, USAGE: 2, INCONCLUSIVE: 3 } as const;

/** As a shell sees the end of a program: its own exit status, or 128 and the signal. */
export const shellStatus = ({
  status,
  signal,
}: {
  readonly status?: number;
  readonly signal?: string;
}): number => (signal === undefined ? (status ?? EXIT.OK) : 128 + (SIG[signal as keyof typeof SIG] ?? 0));

/** Wrong usage or input: one line that says what, where, and what to do. */
export class UsageError extends Error {}
