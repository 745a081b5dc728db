/** Exit status of every command (docs/check.md). */
export const EXIT = { OK: 0, FOUND: 1, USAGE: 2, INCONCLUSIVE: 3 } as const;

/** Wrong usage or input: one line that says what, where, and what to do. */
export class UsageError extends Error {}
