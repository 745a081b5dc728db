import { ERRNO } from '../../abi/errno.js';
import type { AnnotatedCall, CallAction, CallEnd } from '../../event/annotated.js';
import { endOf, keeperIsGone, startKeeper } from '../keeper/door.js';
import { Refused } from '../refused.js';
import { type AnnotateAnswer, type AnnotateConfig, type AnnotateMessage, fromWire, toWire } from './job.js';

/** How a program under `annotate` ended: by its exit status or a signal's name. */
export interface AnnotateEnd {
  readonly status?: number;
  readonly signal?: string;
  /** Annotated calls that it made. */
  readonly calls: number;
  /** What could not be watched, and why: one line each. */
  readonly limits: readonly string[];
}

export interface AnnotateOptions {
  readonly command: readonly string[];
  /**
   * Called for each annotated call before it is made; what it returns is done with the call, beside what the program asks for itself: fail it, give a
   * value, wait. The thread waits for the answer.
   */
  readonly onAnnotatedSyscall?: (
    call: AnnotatedCall,
  ) => CallAction | undefined | Promise<CallAction | undefined>;
  /** Called when a call has ended. */
  readonly onEnd?: (call: AnnotatedCall, end: CallEnd) => void;
  /** What is done with one call, without asking. */
  readonly plan?: AnnotateConfig['plan'];
  /** Milliseconds after which the program is ended by SIGKILL. */
  readonly timeout?: number;
}

/** Runs a program whose annotated calls are served, to its end. Throws Refused, whose message is for the user. */
export async function annotate(options: AnnotateOptions): Promise<AnnotateEnd> {
  const { command, plan, onAnnotatedSyscall } = options;
  const config: AnnotateConfig = { command, asks: onAnnotatedSyscall !== undefined, ...(plan && { plan }) };
  const keeper = startKeeper<AnnotateMessage>({ job: 'annotate', config: toWire(config) }, { alone: false });
  const calls = new Map<number, AnnotatedCall>();
  const limits = new Set<string>();
  let program: Pick<AnnotateEnd, 'status' | 'signal'> | undefined;
  let count = 0;
  const timer = setTimeout(
    () => {
      keeper.say({ kind: 'kill' });
    },
    options.timeout ?? 2 ** 31 - 1,
  );
  try {
    for await (const raw of keeper.messages) {
      const message = fromWire<typeof raw>(raw);
      switch (message.kind) {
        case 'call': {
          const { call } = message;
          calls.set(call.index, call);
          count = Math.max(count, call.index);
          if (onAnnotatedSyscall === undefined) break;
          const action = (await onAnnotatedSyscall(call)) ?? {};
          if (action.fail !== undefined && !(action.fail in ERRNO))
            throw new Refused(
              `onAnnotatedSyscall: there is no error ${action.fail}; give a name of errno(3), as EIO`,
            );
          const { index, attempt } = call;
          keeper.say(toWire({ kind: 'action', index, attempt, action } satisfies AnnotateAnswer) as object);
          break;
        }
        case 'end': {
          const call = calls.get(message.index);
          if (call !== undefined) options.onEnd?.(call, message.end);
          if (!message.end.interrupted) calls.delete(message.index);
          break;
        }
        case 'limit':
          limits.add(message.text);
          break;
        case 'ended':
          program = endOf(message);
          break;
      }
    }
  } finally {
    clearTimeout(timer);
    // A callback has thrown: nobody answers its program any more.
    if (program === undefined) keeper.stop();
  }
  if (program === undefined) throw keeperIsGone();
  return { ...program, calls: count, limits: [...limits] };
}
