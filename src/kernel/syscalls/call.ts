import type { Kernel } from '../kernel.js';
import type { Task, Wait } from '../state.js';
import type { UserMemory } from '../user.js';
import type { Blocked } from '../wait.js';

/** A system call under way. */
export interface Call {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly memory: UserMemory;
  /** rdi, rsi, rdx, r10, r8, r9: 64 bits, unsigned. */
  readonly arguments: readonly bigint[];
  /** The wait that this call has been in and that is over now. */
  readonly resumed: Wait | undefined;
}

/** The value for rax (below 0: an error), or a wait; `undefined`: rax stays as it is. Errors may be thrown as Errno. */
export type Result = number | bigint | Blocked | undefined;

/** How each system call is done: rows by name. */
export type Calls = Readonly<Record<string, (call: Call) => Result>>;

/** An int or unsigned int argument: only the low 32 bits count. */
export const int = (value: bigint | undefined): number => Number(BigInt.asIntN(32, value!));
export const unsigned = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value!));
/** A size or count that is used as a number; what is larger than 2^53 is only said to be large. */
export const size = (value: bigint | undefined): number => Number(value!);
