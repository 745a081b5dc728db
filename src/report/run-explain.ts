import { hex } from '../abi/address.js';
import { KERNEL_COLUMNS } from '../abi/kernel-rows.js';
import { type KernelRules, kernelRules } from '../abi/kernel-rules.js';
import { SI } from '../abi/signals.js';
import { type Violation, violationById } from '../abi/violations.js';
import { printable } from '../binary/printable.js';
import type { Event } from '../event/event.js';
import type { ProcessView, ThreadView } from '../process/process.js';
import { rseqState, type SectionState, sectionState } from '../process/rseq.js';
import { instructionAt, type Places } from './run-places.js';

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>;

/** A signal that ends a process, and what led to it. The process is as it was at that moment. */
export interface Death {
  readonly signal: Of<'signal'>;
  /** The rule of rseq that the thread broke, if that is why. */
  readonly violation: Of<'violation'> | undefined;
  /** The instruction that the simulated machine does not have, if that is why. */
  readonly instruction: Of<'unknown-instruction'> | undefined;
  /** What the kernel wrote to its log about it, if it did. */
  readonly log: string | undefined;
  readonly process: ProcessView;
  readonly thread: ThreadView;
}

/** The rules by which it was judged. */
export interface Judge {
  readonly kernel: string;
  readonly debugRseq: boolean;
}

/** Why a process was killed, for a person: lines with their ends. */
export function deathText(death: Death, places: Places, judge: Judge): string {
  const { signal, violation, instruction, process } = death;
  const who = `${printable(death.thread.name)} (process ${process.pid}, thread ${signal.tid})`;
  const why =
    violation !== undefined
      ? `it broke a rule of rseq [${violation.rule}]`
      : instruction !== undefined
        ? 'the simulated machine does not have this instruction'
        : faultReason(signal, process);
  const lines = [
    `rseqlab: ${who} was killed by ${signal.signal}: ${why}`,
    ...instructionLines(death, places),
  ];
  if (violation !== undefined) lines.push(...violationLines(violation, death, places, judge));
  else lines.push(...ownSection(death, places));
  return `${lines.join('\n')}\n`;
}

const row = (head: string, text: string): string => `  ${head.padEnd(9)} ${text}`;

function instructionLines({ signal, violation, process }: Death, places: Places): string[] {
  const ip = violation?.ip ?? faultingIp(signal, process);
  const code = instructionAt(process, ip);
  return [
    row(violation === undefined ? 'at' : 'next', `${places.place(ip)}${places.line(ip)}`),
    ...(code === undefined ? [] : [row('', code.text)]),
    ...(code === undefined || signal.signal !== 'SIGILL' ? [] : [row('bytes', code.bytes)]),
  ];
}

/** int3 is a trap: the processor stands behind it. */
function faultingIp({ signal, ip }: Of<'signal'>, process: ProcessView): bigint {
  const isTrap = signal === 'SIGTRAP' && process.architecture === 'x86-64';
  return isTrap && process.read(ip - 1n, 1)?.[0] === 0xcc ? ip - 1n : ip;
}

/** An ordinary fault in words. */
export function faultReason(
  { signal, code, address, ip }: Pick<Of<'signal'>, 'code' | 'address' | 'ip'> & { readonly signal: string },
  process: Pick<ProcessView, 'maps' | 'read'> & { readonly architecture: string },
): string {
  if (code <= SI.USER) return 'a process sent it';
  if (signal === 'SIGSEGV' && code === SI.SEGV_MAPERR) return unmapped(address, ip, process);
  if (signal === 'SIGSEGV' && code === SI.SEGV_ACCERR) {
    const map = process.maps.find(({ start, end }) => address >= start && address < end);
    const may = map && [map.readable && 'read', map.writable && 'written', map.executable && 'executed'];
    const allowed = may?.filter(Boolean).join(', ') || 'neither read nor written';
    return `memory at ${hex(address)} may only be ${allowed}`.replace('only be neither', 'be neither');
  }
  if (signal === 'SIGBUS' && code === SI.BUS_ADRALN)
    return `${hex(address)} is not aligned as the instruction wants it`;
  if (signal === 'SIGILL' && instructionAt(process, ip)?.text.startsWith('ud'))
    return 'the program ran into an instruction that is meant to fail';
  return REASONS[signal] ?? 'the kernel sent it';
}

const REASONS: Readonly<Record<string, string>> = {
  SIGSEGV: 'the processor refused the instruction',
  SIGILL: 'the simulated processor does not have this instruction',
  SIGFPE: 'a division by zero, or with a quotient that is too large',
  SIGTRAP: 'a breakpoint without a debugger',
  SIGKILL: 'the kernel ended it',
};

/** How far below the stack an access still looks like the stack's overflow, in bytes. */
const NEAR = 0x10_0000n;

function unmapped(address: bigint, ip: bigint, process: Pick<ProcessView, 'maps'>): string {
  const what = address === ip ? 'it jumped to' : 'it used';
  const stack = process.maps.find(({ name }) => name === '[stack]');
  const hint =
    address < 0x1_0000n
      ? ': a null pointer'
      : stack !== undefined && address < stack.start && address >= stack.start - NEAR
        ? ': just below the stack, which has overflowed'
        : '';
  return `${what} ${hex(address)}, where nothing is mapped${hint}`;
}

function violationLines(
  violation: Of<'violation'>,
  { process, thread, log }: Death,
  places: Places,
  judge: Judge,
): string[] {
  if (violation.rule === 'unknown') return [row('found', violation.message)];
  const known = violationById(violation.rule);
  const section =
    violation.rseqCs === 0n || known.elsewhere
      ? undefined
      : sectionState(process, violation.rseqCs, violation.ip);
  return [
    row('rule', known.rule),
    row('found', violation.message),
    ...(section === undefined ? [] : sectionLines(section, places)),
    ...(log === undefined ? [] : [row('dmesg', log.trim().replaceAll(/\s*\n\s*/g, '; '))]),
    row('checked', checkedText(known, thread, judge)),
    row('kernels', kernelsText(known, section?.inside ?? false, thread.rseq?.length)),
    row('mend', known.mend),
    ...(known.check === undefined ? [] : [row('', `rseqlab check --explain ${known.check} says more`)]),
  ];
}

/** A thread that dies of something else inside a section: worth knowing. */
function ownSection({ process, thread }: Death, places: Places): string[] {
  const section = rseqState(process, thread)?.section;
  return section?.inside ? sectionLines(section, places) : [];
}

export function sectionLines(section: SectionState, places: Places): string[] {
  const { address, descriptor, inside, signature } = section;
  if (descriptor === undefined)
    return [row('section', `rseq_cs ${places.place(address)}, where no descriptor can be read`)];
  const end = BigInt.asUintN(64, descriptor.start_ip + descriptor.post_commit_offset);
  return [
    row(
      'section',
      `${places.place(descriptor.start_ip)} to ${places.place(end)}${inside ? ', the thread is inside' : ''}`,
    ),
    row(
      '',
      `abort_ip ${places.place(descriptor.abort_ip)}, signature in front of it ${signature === undefined ? 'not readable' : hex(signature)}`,
    ),
    row(
      '',
      `descriptor ${places.place(address)}, version ${descriptor.version}, flags ${hex(descriptor.flags)}`,
    ),
  ];
}

function checkedText({ when }: Violation, { rseq }: ThreadView, { kernel, debugRseq }: Judge): string {
  const { evaluation } = kernelRules(kernel, {
    debug: debugRseq,
    ...(rseq === undefined ? {} : { length: rseq.length }),
  });
  const back =
    evaluation === 'interrupted-only' ? 'after it was interrupted in user space' : 'after it lost its CPU';
  const by = `by Linux ${kernel}${debugRseq ? ' with rseq debugging' : ''}`;
  return `${by}, ${when ?? `when the thread went back to user space ${back}, or before a signal`}`;
}

/** Which kernels kill for it, where the thread is as it was. */
export function kernelsText(violation: Violation, inside: boolean, length: number | undefined): string {
  const kills = (debug: boolean): string =>
    spans(
      KERNEL_COLUMNS.map((column) =>
        isKilled(violation, inside, kernelRules(column, { debug, ...(length !== undefined && { length }) })),
      ),
    );
  const [usual, debugging] = [kills(false), kills(true)];
  if (usual === 'no version') return `it is killed only with rseq debugging: by ${debugging}`;
  return `it is killed by ${usual}${debugging === usual ? '' : `; with rseq debugging by ${debugging}`}`;
}

/** `Linux 4.18 to before 6.19`, from one verdict a column. */
function spans(verdicts: readonly boolean[]): string {
  const parts: string[] = [];
  for (let from = verdicts.indexOf(true); from !== -1; ) {
    const until = verdicts.indexOf(false, from);
    const { [from]: first, [until]: after } = KERNEL_COLUMNS;
    parts.push(until === -1 ? `${first} and newer` : `${first} to before ${after}`);
    from = until === -1 ? -1 : verdicts.indexOf(true, until);
  }
  return parts.length === 0 ? 'no version' : `Linux ${parts.join(', ')}`;
}

/** Violations that debugging looks for outside of the section too (since 6.19; rseq_debug_update_user_cs). */
const OF_THE_RANGE: readonly string[] = ['range', 'wrap'];
/** Values of rows by which the thread dies. */
const DEADLY: readonly unknown[] = [true, 'kill', 'enforced'];

function isKilled({ id, rows }: Violation, inside: boolean, rules: KernelRules): boolean {
  const looks = rows.filter((name) => name !== 'checksOutside');
  if (looks.length > 0 && !looks.some((name) => DEADLY.includes(rules[name]))) return false;
  if (inside || !rows.includes('checksOutside')) return true;
  const { checksOutside } = rules;
  return checksOutside === 'everything' || (checksOutside === 'start-and-end' && OF_THE_RANGE.includes(id));
}
