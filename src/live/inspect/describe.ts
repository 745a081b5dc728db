/** What was seen of a thread, put into words. */
import { hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_AREA_FLAGS, RSEQ_CPU_ID_REGISTRATION_FAILED, type RseqValue } from '../../abi/rseq.js';
import { violationById } from '../../abi/violations.js';
import { printable } from '../../binary/printable.js';
import type { RunningKernel } from '../../linux/kernel.js';
import { rseqFault } from '../../process/fault.js';
import { endOf, type Fault, SIGNATURE_SIZE } from '../../process/judge.js';
import { holding } from '../../process/maps.js';
import type { RseqConfiguration } from '../../process/process.js';
import { registeringAgain } from '../../process/registering.js';
import type { RseqState, SectionState } from '../../process/rseq.js';
import type {
  InspectedPlace,
  InspectedProblem,
  InspectedRestore,
  InspectedResumption,
  InspectedSection,
  InspectedThread,
  Knowledge,
} from '../../report/inspect-document.js';
import type { Glibc } from '../glibc.js';
import type { Target, TargetThread } from '../target.js';
import { judging, modeOf, refusals, signatureText } from './mode.js';
import { ownerOf } from './owner.js';

/** A thread at one moment. */
export interface Seen {
  readonly thread: TargetThread;
  readonly known: Knowledge;
  readonly note: string | undefined;
  /** Microseconds: see Stop. */
  readonly stopped: number | undefined;
  readonly asked: number | undefined;
  readonly configuration: RseqConfiguration | undefined;
  readonly state: RseqState | undefined;
  readonly ip: bigint | undefined;
  readonly threadPointer: bigint | undefined;
  readonly call: string | undefined;
  /** Of a thread in an image: where it goes on. */
  readonly resumes?: { readonly ip: bigint; readonly how: InspectedResumption['how'] };
}

const STATES: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'waiting',
  D: 'waiting for a disk',
  T: 'stopped',
  t: 'traced',
  I: 'idle',
  core: 'dead',
  image: 'frozen',
};

export function describeThread(
  target: Target,
  glibc: Glibc | undefined,
  kernel: RunningKernel,
  seen: Seen,
): InspectedThread {
  const { thread, configuration, state, ip } = seen;
  const { rules } = judging(kernel, configuration?.length);
  const resumes = seen.resumes && { place: placeOf(target, seen.resumes.ip), how: seen.resumes.how };
  const section = state?.section === undefined ? null : sectionOf(target, state, kernel);
  return {
    tid: thread.tid,
    name: printable(thread.name),
    state: STATES[thread.state] ?? thread.state,
    cpu: thread.cpu ?? null,
    call: seen.call ?? null,
    ip: ip === undefined ? null : placeOf(target, ip),
    known: seen.known,
    note: seen.note ?? null,
    stopped: rounded(seen.stopped),
    asked: rounded(seen.asked),
    registration:
      configuration === undefined
        ? null
        : {
            address: hex(configuration.address),
            length: configuration.length,
            featureSize: Math.min(configuration.length, rules.featureSize),
            ...modeOf(kernel, configuration.length),
            signature: signatureText(configuration.signature),
            flags: configuration.flags,
            owner: ownerOf(target, glibc, configuration.address, seen.threadPointer),
          },
    area: state?.area === undefined ? null : fieldsOf(state.area, rules.featureSize),
    // Where it was inside is not known: CRIU keeps the abort handler only.
    section: section && resumes?.how === 'abort' && section.position !== 'inside' ? { ...section, position: 'aborted' } : section, // biome-ignore format: one line
    resumes: resumes ?? null,
    restore: resumes === undefined || state === undefined ? null : restoreOf(target, state, kernel),
    problems: [
      ...(state === undefined ? [] : problemsOf(target, state, ip, kernel)),
      ...(resumes?.how === 'inside' ? [KEPT_INSIDE] : []),
    ],
    refuses: seen.known === 'unknown' || target.kind !== 'live' ? [] : refusals(kernel, configuration, rules),
  };
}

/** What a checkpoint must not do, and some do. */
const KEPT_INSIDE: InspectedProblem = {
  rule: null,
  text: 'it goes on inside its section as if nothing had interrupted it: what it has read before may not be true any more',
  mend: 'Look at it, and do not bring it back: take an image in which the thread stands at its abort handler (rseqlab checkpoint without --keep-position).',
};

function restoreOf(target: Target, state: RseqState, { release }: RunningKernel): InspectedRestore {
  const row = registeringAgain(target.maps, state, release);
  if (row === undefined) return { answer: 'ok', accepted: true, why: null, mend: null };
  const { errno, condition, consequence, mend } = row;
  return {
    answer: errno,
    accepted: false,
    why: consequence === undefined ? condition : `${condition}: ${consequence}`,
    mend,
  };
}

const rounded = (value: number | undefined): number | null =>
  value === undefined ? null : Math.round(value * 10) / 10;

/** The fields that this kernel serves. */
function fieldsOf(area: RseqValue, featureSize: number): Record<string, number | string> {
  const fields: Record<string, number | string> = {};
  for (const { name, offset } of RSEQ.fields) {
    const value = (area as Readonly<Record<string, number | bigint | undefined>>)[name];
    if (offset < featureSize && value !== undefined)
      fields[name] = typeof value === 'bigint' ? hex(value) : value;
  }
  return fields;
}

export function placeOf(target: Target, address: bigint): InspectedPlace {
  const { map, module, symbol, offset, line } = target.modules.place(address, false);
  return {
    address: hex(address),
    file: module?.name ?? map?.name ?? null,
    function: symbol === undefined ? null : printable(symbol),
    offset: symbol === undefined ? null : offset,
    line: line === undefined ? null : `${printable(line.file)}:${line.line}`,
  };
}

export function sectionOf(target: Target, state: RseqState, kernel: RunningKernel): InspectedSection {
  const { section } = state;
  const { address, descriptor, position } = section!;
  if (descriptor === undefined)
    return {
      state: target.lacks?.(address) ? 'unknown' : 'dangling',
      rseq_cs: hex(address),
      descriptor: null,
      start: null,
      end: null,
      abort: null,
      position,
    };
  // A thread at its start is as much in it as one can be.
  const wrong = rseqFault(
    target.maps,
    state,
    descriptor.start_ip,
    judging(kernel, state.configuration.length),
  );
  return {
    state:
      wrong === undefined || wrong.rule === 'area-unwritable' || isUnseen(target, state, wrong)
        ? 'valid'
        : 'broken',
    rseq_cs: hex(address),
    descriptor: Object.fromEntries(
      Object.entries(descriptor).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? hex(value) : value,
      ]),
    ),
    start: placeOf(target, descriptor.start_ip),
    end: hex(endOf(descriptor)),
    abort: placeOf(target, descriptor.abort_ip),
    position,
  };
}

function problemsOf(
  target: Target,
  state: RseqState,
  ip: bigint | undefined,
  kernel: RunningKernel,
): InspectedProblem[] {
  const judge = judging(kernel, state.configuration.length);
  const start = state.section?.descriptor?.start_ip ?? 0n;
  const now = rseqFault(target.maps, state, ip ?? start, judge);
  // Without a section it does not matter where the thread stands.
  const inside = now ?? (state.section && rseqFault(target.maps, state, start, judge));
  const found: InspectedProblem[] = [];
  if (inside !== undefined && !isUnseen(target, state, inside)) {
    const when =
      target.kind !== 'live'
        ? 'the kernel kills for it'
        : now === undefined
          ? 'the kernel will kill for it if the thread is interrupted inside the section'
          : `the kernel will kill for it ${judge.classic ? 'when the thread next loses its CPU or gets a signal' : 'when the thread is next interrupted'}`;
    found.push({
      rule: inside.rule,
      text: `${inside.message}; ${when}`,
      mend: violationById(inside.rule).mend,
    });
  }
  const stale = danglingFile(target, state.section);
  if (stale !== undefined) found.push(stale);
  return [...found, ...(state.area === undefined ? [] : fieldProblems(state.area, judge.rules.featureSize))];
}

/** What the rule speaks of stands in a file that is not here. */
function isUnseen(target: Target, { section }: RseqState, { rule }: Fault): boolean {
  const { address, descriptor } = section ?? {};
  if (address === undefined || target.lacks === undefined) return false;
  if (descriptor === undefined) return rule === 'descriptor-unreadable' && target.lacks(address);
  return rule === 'signature' && target.lacks(BigInt.asUintN(64, descriptor.abort_ip - SIGNATURE_SIZE));
}

/** A descriptor in memory that is not of a file, while its code is: on a stack, where the function may return. */
function danglingFile(target: Target, section: SectionState | undefined): InspectedProblem | undefined {
  const { descriptor } = section ?? {};
  if (descriptor === undefined || section!.position === 'inside') return undefined;
  const code = holding(target.maps, descriptor.start_ip);
  if (code?.executable) return undefined;
  return {
    rule: null,
    text: `rseq_cs points at bytes that are no descriptor any more: ${hex(descriptor.start_ip)} is no code`,
    mend: violationById('descriptor-unreadable').mend,
  };
}

/** More CPUs than any kernel is made for (CONFIG_NR_CPUS), and so more nodes and concurrency ids. */
const MOST_CPUS = 8192;
const NUMBERS = (['cpu_id_start', 'cpu_id', 'node_id', 'mm_cid'] as const).map(
  (name) => [name, offsetOf(RSEQ, name)] as const,
);
const KERNEL_FIELD = violationById('kernel-field');
/** Bits of rseq.flags that anybody may find there. */
const KNOWN_FLAGS = RSEQ_AREA_FLAGS.reduce((bits, { value }) => bits | value, 0);

/** Numbers that the kernel does not write. */
function fieldProblems(area: RseqValue, featureSize: number): InspectedProblem[] {
  const found: InspectedProblem[] = [];
  const { mend } = KERNEL_FIELD;
  for (const [name, offset] of NUMBERS) {
    const value = area[name];
    if (
      value === undefined ||
      offset >= featureSize ||
      value < MOST_CPUS ||
      value >= RSEQ_CPU_ID_REGISTRATION_FAILED
    )
      continue;
    const text = `${name} is ${value} (${hex(value)}), which the kernel has not written: somebody uses the field for himself`;
    found.push({ rule: 'kernel-field', text, mend });
  }
  if (area.cpu_id_start < MOST_CPUS && area.cpu_id < MOST_CPUS && area.cpu_id !== area.cpu_id_start)
    found.push({
      rule: 'kernel-field',
      text: `cpu_id_start is ${area.cpu_id_start} and cpu_id ${area.cpu_id}: the kernel writes the same to both`,
      mend,
    });
  if ((area.flags & ~KNOWN_FLAGS) !== 0)
    found.push({
      rule: 'flags',
      text: `rseq.flags is ${hex(area.flags >>> 0)}`,
      mend: violationById('flags').mend,
    });
  return found;
}
