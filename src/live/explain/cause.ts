/** Why a thread got a signal: the rule of rseq that it broke, or what else is known. The thread is as it was when the signal came. */
import { hex } from '../../abi/address.js';
import { SI, SIG } from '../../abi/signals.js';
import { type Violation, violationById } from '../../abi/violations.js';
import { printable } from '../../binary/printable.js';
import type { RunningKernel } from '../../linux/kernel.js';
import { rseqFault } from '../../process/fault.js';
import type { Fault } from '../../process/judge.js';
import { holding } from '../../process/maps.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { RseqState } from '../../process/rseq.js';
import type { Explanation, Unloaded } from '../../report/explain-document.js';
import { faultReason, kernelsText } from '../../report/run-explain.js';
import { instructionAt } from '../../report/run-places.js';
import { placeOf, sectionOf } from '../inspect/describe.js';
import { judging } from '../inspect/mode.js';
import type { Target } from '../target.js';

/** A signal, and the thread at that moment. */
export interface Struck {
  readonly target: Target;
  readonly tid: number;
  readonly signal: number;
  /** si_code; undefined where it is not known (a core without NT_SIGINFO). */
  readonly code: number | undefined;
  readonly address: bigint | undefined;
  readonly ip: bigint;
  readonly configuration: RseqConfiguration | undefined;
  readonly state: RseqState | undefined;
  /** Whose area it is; undefined: none is known. */
  readonly owner: string | undefined;
  /** What is known to have been mapped at an address where nothing is. */
  readonly before?: (address: bigint) => Unloaded | undefined;
}

const NAMES = new Map(Object.entries(SIG).map(([name, number]) => [number as number, name]));
export const signalName = (number: number): string => NAMES.get(number) ?? `signal ${number}`;

export function explainSignal(struck: Struck, kernel: RunningKernel): Explanation {
  const { signal, code } = struck;
  // The kernel sends it by force_sig(), which says nothing but that it was the kernel (kernel/signal.c).
  const byKernel = signal === SIG.SIGSEGV && (code === undefined || code === SI.KERNEL);
  const fault = brokenRule(struck, kernel);
  return fault === undefined || !byKernel
    ? crash(struck, byKernel, kernel, fault)
    : violation(struck, fault, kernel);
}

function brokenRule({ target, state, ip, configuration }: Struck, kernel: RunningKernel): Fault | undefined {
  if (state === undefined) return undefined;
  const judge = judging(kernel, configuration?.length);
  const fault = rseqFault(target.maps, state, ip, judge);
  if (fault !== undefined) return fault;
  // Only with rseq debugging: the call is over, and the thread stands right behind it.
  if (judge.rules.syscallInSection !== 'kill' || !state.section?.inside) return undefined;
  const bytes = target.read(ip - 2n, 2);
  if (bytes?.[0] !== 0x0f || bytes[1] !== 0x05) return undefined;
  return {
    rule: 'syscall-in-section',
    message: `a system call was made at ${hex(ip - 2n)}, inside the section`,
  };
}

function base({ target, tid, ip }: Struck) {
  return { pid: target.pid, tid, name: printable(target.name), at: placeOf(target, ip) };
}

const who = ({ target, tid }: Struck): string =>
  `Thread ${tid}${target.name === '' ? '' : ` of ${printable(target.name)}`}`;

function violation(struck: Struck, fault: Fault, kernel: RunningKernel): Explanation {
  const { target, state, configuration, owner } = struck;
  const rule: Violation = violationById(fault.rule);
  const gone = unloaded(struck);
  const shown =
    rule.elsewhere === true || state?.section === undefined ? null : sectionOf(target, state, kernel);
  return {
    kind: 'violation',
    ...base(struck),
    rule: fault.rule,
    ruleText: rule.rule,
    what: `${who(struck)} was sent SIGSEGV by the kernel because ${fault.message}${gone === undefined ? '' : unloadedText(gone)}, and the rule is that ${rule.rule}.`,
    mend: rule.mend,
    check: rule.check ?? null,
    kernels: kernelsText(rule, state?.section?.inside ?? false, configuration?.length),
    section: shown,
    unloaded: gone ?? null,
    owner: owner ?? null,
    handled: false,
  };
}

/** rseq_cs, or the code of its section, points at what is not mapped. */
function unloaded({ target, state, before }: Struck): Unloaded | undefined {
  const { address, descriptor } = state?.section ?? {};
  const at = descriptor === undefined ? address : descriptor.abort_ip;
  return at === undefined || holding(target.maps, at) !== undefined ? undefined : before?.(at);
}

const unloadedText = ({ file, function: name, line }: Unloaded): string =>
  `: ${printable(file)} was mapped there${name === null ? '' : `, with the descriptor of ${name}${line === null ? '' : ` (${line})`}`}, and has been unmapped since (dlclose)`;

/** A signal that has other reasons. `broken`: what the kernel would have killed for a little later. */
function crash(
  struck: Struck,
  byKernel: boolean,
  kernel: RunningKernel,
  broken: Fault | undefined,
): Explanation {
  const { target, signal, code, address = 0n, ip, state } = struck;
  const name = signalName(signal);
  const section = state?.section?.inside ? state.section : undefined;
  const inside =
    section === undefined
      ? ''
      : ' It stood inside a section, whose memory it used: what is wrong is what the section does.';
  const known =
    state === undefined
      ? 'no registration of the thread was found'
      : 'its registration and its section keep every rule';
  const instruction = instructionAt(target, ip)?.text;
  const at = instruction === undefined ? '' : ` at \`${instruction}\``;
  const common = {
    ...base(struck),
    signal: name,
    section: section === undefined ? null : sectionOf(target, state!, kernel),
  };
  if (byKernel && code === undefined)
    return {
      kind: 'unknown',
      ...common,
      what: `${who(struck)} was ended by ${name}, and the core does not say who sent it: ${known}.${inside}`,
      mend: 'Run the program under `rseqlab explain -- CMD`: there the signal is seen with its cause.',
    };
  if (byKernel)
    return {
      kind: state === undefined ? 'unknown' : 'crash',
      ...common,
      what: `${who(struck)} got ${name} from the kernel or the processor${at}, not for rseq: ${known}.${inside}`,
      mend: 'An instruction for the kernel only, or an address that no memory can have (not canonical), gives the same signal: look at its operands in a debugger.',
    };
  const reason =
    signal === SIG.SIGILL && instruction?.startsWith('ud') === false
      ? 'the processor does not have this instruction'
      : faultReason({ signal: name, code: code ?? SI.USER, address, ip }, target);
  return {
    kind: 'crash',
    ...common,
    what: `${who(struck)} got ${name}${at}, not for rseq: ${reason}.${inside}`,
    mend:
      broken === undefined
        ? `rseq has no part in it (${known}); look at it in a debugger.`
        : `A rule of rseq is broken besides [${broken.rule}], for which the kernel would have killed it soon: ${broken.message}. ${violationById(broken.rule).mend}`,
  };
}
