/** What `annotate` tells of annotated calls, and what may be done with one. Addresses, and whatever else has 64 bits, are bigint. */
import { ANNOTATION_ACTION, type Annotation } from '../abi/annotation.js';
import { ERRNO, type ErrnoName, RESTART } from '../abi/errno.js';

/** A system call that its program has annotated, before it is made. */
export interface AnnotatedCall {
  /** From 1, over all threads and processes. */
  readonly index: number;
  /** 1, and one more for each time that the kernel made the section start over: a signal handler with SA_RESTART, SIGSTOP. */
  readonly attempt: number;
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly number: number;
  readonly arguments: readonly bigint[];
  readonly annotation: Annotation;
  /** Where it is made: function, file, source line. */
  readonly place: string;
}

/** What is done with a call. Nothing: it is made. With `delay` that comes first. */
export interface CallAction {
  /** The call is not made, and gives this error. */
  readonly fail?: ErrnoName;
  /** The call is not made, and gives this value. */
  readonly value?: bigint;
  /** Milliseconds to wait first, or a part of one: at least so long. */
  readonly delay?: number;
}

/** How an annotated call ended. */
export interface CallEnd {
  /** What the program got: below 0 and above -4096 an error. Undefined: the call does not come back (exit, a thread that was killed). */
  readonly result: bigint | undefined;
  /** The kernel will make it again, or give EINTR: a signal came. */
  readonly interrupted: boolean;
  /** It was not made: the result is ours. */
  readonly injected: boolean;
  /** Milliseconds from its beginning to its end, with our delay. */
  readonly duration: number;
}

const NAMES = new Map<number, ErrnoName>(
  Object.entries(ERRNO).map(([name, number]) => [number, name as ErrnoName]),
);
const RESTART_NAMES = new Map<number, string>(
  Object.entries(RESTART).map(([name, number]) => [number, name]),
);

/** The error's name that a result stands for; also the kernel's own for calls that it will make again. */
export function errorName(result: bigint): string | undefined {
  if (result >= 0n || result <= -4096n) return undefined;
  const number = Number(-result);
  return NAMES.get(number) ?? RESTART_NAMES.get(number) ?? `errno ${number}`;
}

/** What the program itself asks for. */
export function actionOf({ actions, error, value, delay_ns }: Annotation): CallAction {
  const asks = (bit: number): boolean => (actions & bit) !== 0;
  const name = NAMES.get(error);
  return {
    ...(asks(ANNOTATION_ACTION.FAIL) && name !== undefined && { fail: name }),
    ...(asks(ANNOTATION_ACTION.RETURN) && { value: BigInt.asIntN(64, value) }),
    ...(asks(ANNOTATION_ACTION.DELAY) && { delay: Number(delay_ns) / 1e6 }),
  };
}
