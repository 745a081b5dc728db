import { hex } from '../abi/address.js';
import { ANNOTATION_ACTION } from '../abi/annotation.js';
import { printable } from '../binary/printable.js';
import { type AnnotatedCall, type CallEnd, errorName } from '../event/annotated.js';

/** One annotated call, as text, as JSON (a line each; the first line of a stream is `annotateHead`), or as a slice for Perfetto. */
export interface Annotated {
  readonly call: AnnotatedCall;
  readonly end: CallEnd;
  /** Milliseconds from the beginning of the watch to that of the call. */
  readonly at: number;
}

export const ANNOTATE_SCHEMA = 'rseqlab.annotate/1';

const resultText = ({ result, interrupted }: CallEnd): string => {
  if (result === undefined) return '?';
  // The kernel's own word for "to be restarted" (include/linux/errno.h).
  if (interrupted) return `? ${errorName(result)} (a signal came)`;
  const error = errorName(result);
  return error === undefined ? `${result}` : `-1 ${error}`;
};

/** `#3 [4242/4243] write(1, 0x7ffc12, 3) = 3  cookie 7  in main+0x20 in demo (demo.c:12)`; strace's order. */
export function annotatedText({ call, end }: Annotated): string {
  const who = call.pid === call.tid ? `${call.pid}` : `${call.pid}/${call.tid}`;
  const notes = [
    `cookie ${call.annotation.cookie}`,
    ...(end.injected ? ['not made'] : []),
    ...(call.attempt > 1 ? [`attempt ${call.attempt}`] : []),
    ...durationText(call, end),
  ];
  const args = call.arguments.map(argumentText).join(', ');
  return `#${call.index} [${who}] ${call.name}(${args}) = ${resultText(end)}  ${notes.join(', ')}  at ${printable(call.place)}\n`;
}

/** Where it took long, or was to. */
const durationText = ({ annotation }: AnnotatedCall, { duration }: CallEnd): string[] => {
  if (duration < 1 && (annotation.actions & ANNOTATION_ACTION.DELAY) === 0) return [];
  return [`${duration.toFixed(duration < 10 ? 2 : 0)} ms`];
};

/** Small numbers are numbers, also below 0; the rest is an address, or as good as one. */
const argumentText = (value: bigint): string => {
  const signed = BigInt.asIntN(64, value);
  return signed > -4096n && signed < 65536n ? `${signed}` : hex(value);
};

export const annotateHead = (version: string, command: readonly string[]): string =>
  `${JSON.stringify({ schema: ANNOTATE_SCHEMA, version, command })}\n`;

/** 64-bit values are strings: addresses and arguments hexadecimal, results and cookies decimal. */
export const annotatedJson = (each: Annotated): string => `${JSON.stringify(plain(each))}\n`;

function plain({ call, end, at }: Annotated) {
  const { annotation } = call;
  const error = end.result === undefined ? undefined : errorName(end.result);
  return {
    index: call.index,
    attempt: call.attempt,
    milliseconds: at,
    pid: call.pid,
    tid: call.tid,
    name: call.name,
    number: call.number,
    arguments: call.arguments.map(hex),
    cookie: `${annotation.cookie}`,
    actions: annotation.actions,
    place: call.place,
    ...(end.result !== undefined && { result: `${end.result}` }),
    ...(error !== undefined && { error }),
    interrupted: end.interrupted,
    injected: end.injected,
    duration: end.duration,
  };
}

/** For ui.perfetto.dev: a slice a call, on its thread (Trace Event Format, complete events; microseconds). */
export function annotatedPerfetto(
  all: readonly Annotated[],
  version: string,
  command: readonly string[],
): string {
  const traceEvents = all.map((each) => {
    const { milliseconds, duration, name, pid, tid, ...args } = plain(each);
    return { ph: 'X', ts: milliseconds * 1000, dur: duration * 1000, name, pid, tid, cat: 'annotated', args };
  });
  const otherData = { schema: ANNOTATE_SCHEMA, version, command: command.join(' ') };
  return `${JSON.stringify({ displayTimeUnit: 'ms', otherData, traceEvents })}\n`;
}
