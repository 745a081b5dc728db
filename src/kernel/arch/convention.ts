import type { Decoder } from '../../isa/instruction.js';
import type { Task } from '../state.js';

/** What compiled code and the kernel agree on about registers, beside Arch: for who starts functions, prints registers, or asks which of them matter. General registers and vectors by their numbers in Meaning. */
export interface Convention {
  readonly decoder: Pick<Decoder, 'decode'>;
  /** General registers by number, and vector registers. */
  readonly names: readonly string[];
  readonly vectors: readonly string[];
  /** The instruction pointer and the flags, as they are called, and the flags as a word. */
  readonly ip: string;
  readonly flags: (task: Pick<Task, 'registers'>) => bigint;
  readonly stackPointer: number;
  /** Where a call leaves its return address; undefined: on the stack. */
  readonly link: number | undefined;
  /** Of functions: where arguments are, and the result, in words of Task.registers. */
  readonly functionArguments: readonly number[];
  readonly functionResult: number;
  /** Of system calls: the register with the number, those with arguments, and what else may be looked at and is changed; `flags`: they are kept somewhere. */
  readonly call: {
    readonly number: number;
    readonly arguments: readonly number[];
    readonly writes: readonly number[];
    readonly readsFlags: boolean;
  };
  /** What the kernel sets for a signal handler. */
  readonly handler: readonly number[];
  /** Bytes below the stack pointer that are still the function's own. */
  readonly redZone: number;
  /** Bytes of a signal's frame, at most, with the red zone above it. */
  readonly frame: number;
  /** Bytes at a handler's stack pointer that are not the kernel's frame: its return address. */
  readonly returnSlot: number;
  /** Where a thread's variables are: below the thread pointer, or above (ELF TLS ABI, variants II and I). */
  readonly variables: 'below' | 'above';
  /** A breakpoint, and how far behind its beginning the thread stands at it. */
  readonly breakpoint: { readonly code: Uint8Array; readonly behind: number };
  /** A function is called, to return to `returnTo`: link register, or the word at the stack's top. `top` is a multiple of 16. */
  enter(task: Task, top: bigint, returnTo: bigint, push: (at: bigint, word: bigint) => void): void;
}
