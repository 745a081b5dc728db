import { hex } from '../abi/address.js';
import { printable } from '../binary/printable.js';
import type { CodePlace, Observed, ObservedAbort } from '../event/observed.js';
import { callText, columns, eventText, type Namer, seconds } from './event-text.js';

/** What strace prints behind the name of an error. */
const ERRORS: Readonly<Record<string, string>> = {
  EINVAL: 'Invalid argument',
  EPERM: 'Operation not permitted',
  EBUSY: 'Device or resource busy',
  EFAULT: 'Bad address',
  ENOSYS: 'Function not implemented',
};

/** Under the details of a line. */
const INDENT = ' '.repeat(49);

/**
 * Lines of an event, each with its end; '' for those that another line tells with: a call stands where it comes back, with what it did. `n` counts
 * events, from 1.
 */
export function traceText(observed: Observed, n: number, name: Namer): string {
  const { event, abort, call } = observed;
  switch (event.kind) {
    case 'register':
    case 'unregister':
      return '';
    case 'syscall':
      return event.name === 'rseq' ? '' : `${eventText(event, n, name)}\n`;
    case 'return': {
      if (call === undefined) return `${eventText(event, n, name)}\n`;
      const text = callText(event.name, call.arguments, call.data?.length ? call.data : undefined);
      const value = event.error === undefined ? `${event.value}` : `-1 ${event.error}${known(event.error)}`;
      // strace reads before the call is made: say how much later this was.
      const age = call.data?.length && call.age > 0 ? ` /* as read ${duration(call.age)} later */` : '';
      const line = columns(
        `${n}`,
        seconds(event.time),
        `[${event.cpu}]`,
        `${event.tid}`,
        'rseq',
        `${text} = ${value}${age}`,
      );
      return `${line}\n${call.reason === undefined ? '' : `${INDENT}${call.reason}\n`}`;
    }
    case 'abort':
      return `${eventText(event, n, name)}\n${abort === undefined ? '' : `${INDENT}${abortText(abort)}\n`}`;
    default:
      return `${eventText(event, n, name)}\n`;
  }
}

const known = (error: string): string => (ERRORS[error] === undefined ? '' : ` (${ERRORS[error]})`);

/** `in push (list.c:12), at list.c:17: mov [rdi], rax; 1.2 ms lost, swapper/0`. */
function abortText({ section, at, guess, by, lost }: ObservedAbort): string {
  return [
    `in ${placeText({ ...section, offset: 0 })}`,
    `at ${sourceText(at) ?? symbolText(at)}${at.instruction === undefined ? '' : `: ${at.instruction}`}`,
    ...(lost === undefined ? [] : [`${duration(lost)} lost`]),
    ...(by === undefined ? [] : [printable(by)]),
    ...(guess ? ['the cause is a guess'] : []),
  ].join('; ');
}

/** `push (list.c:12) in libx.so`. */
export function placeText(place: CodePlace): string {
  const source = sourceText(place);
  const file = place.file === undefined ? '' : ` in ${printable(baseName(place.file))}`;
  return `${symbolText(place)}${source === undefined ? '' : ` (${source})`}${file}`;
}

export const symbolText = ({ function: name, offset, inFile }: CodePlace): string =>
  name === undefined ? hex(inFile) : `${printable(name)}${offset === 0 ? '' : `+${hex(offset)}`}`;

export const sourceText = ({ source }: CodePlace): string | undefined =>
  source && `${printable(baseName(source.file))}:${source.line}`;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** `850 ns`, `1.2 ms`. */
export function duration(nanoseconds: number): string {
  const [unit, size] = ([['s', 1e9], ['ms', 1e6], ['us', 1e3]] as const).find(([, each]) => nanoseconds >= each) ?? ['ns', 1]; // biome-ignore format: one row
  const value = nanoseconds / size;
  return `${size === 1 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
