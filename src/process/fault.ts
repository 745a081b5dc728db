import type { KernelRules } from '../abi/kernel-rules.js';
import { RSEQ, RSEQ_CPU_ID_UNINITIALIZED } from '../abi/rseq.js';
import { descriptorFault, type Fault, flagsFault, isInside, pointerFault, unreadable } from './judge.js';
import { covering } from './maps.js';
import type { MapView, RseqConfiguration } from './process.js';
import type { RseqState } from './rseq.js';

/** The kernel that a process runs on. `rules` are those of the thread's length. */
export interface Judging {
  readonly rules: KernelRules;
  /** Up to 6.18: rseq_cs is looked at after every switch, with all checks. */
  readonly classic: boolean;
}

/**
 * The first rule that the kernel finds broken when it next looks at this thread, which stands at `ip`: with SIGSEGV, if it still stands there. Undefined:
 * none. What only the kernel knows (what it last wrote to the fields, whether a system call is on its way back) is not seen.
 */
export function rseqFault(
  maps: readonly MapView[],
  state: RseqState,
  ip: bigint,
  { rules, classic }: Judging,
): Fault | undefined {
  const area = areaFault(maps, state.configuration);
  if (area !== undefined || state.area === undefined) return area;
  // Numbers are compared first since 6.19 (rseq_exit_user_update).
  const fields = rules.kernelFields === 'enforced' ? fieldsFault(state) : undefined;
  return fields ?? sectionFault(state, ip, { rules, classic });
}

function areaFault(maps: readonly MapView[], { address, length }: RseqConfiguration): Fault | undefined {
  const size = BigInt(Math.min(length, RSEQ.size));
  const found = covering(maps, address, address + size);
  const held = found.reduce(
    (sum, { start, end }) => sum + (min(end, address + size) - max(start, address)),
    0n,
  );
  const where = `struct rseq at 0x${address.toString(16)}`;
  if (held < size) return { rule: 'area-unwritable', message: `${where} is not mapped` };
  if (found.every(({ readable, writable }) => readable && writable)) return undefined;
  const readable = found.every((map) => map.readable);
  return { rule: 'area-unwritable', message: `${where} ${readable ? 'is read-only' : 'cannot be read'}` };
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Numbers that no kernel can have written. */
function fieldsFault({ area }: RseqState): Fault | undefined {
  const { cpu_id_start, cpu_id } = area!;
  if (cpu_id === cpu_id_start || cpu_id >= RSEQ_CPU_ID_UNINITIALIZED - 1) return undefined;
  return {
    rule: 'kernel-field',
    message: `the program has written to struct rseq: cpu_id_start is ${cpu_id_start}, cpu_id ${cpu_id}`,
  };
}

function sectionFault(
  { area, section, configuration }: RseqState,
  ip: bigint,
  { rules, classic }: Judging,
): Fault | undefined {
  if (section === undefined) return undefined;
  const outside = pointerFault(section.address);
  if (outside !== undefined) return outside;
  const { descriptor, signature } = section;
  if (descriptor === undefined) return unreadable(section.address);
  const look = { classic, debug: rules.debug };
  const fault = descriptorFault(descriptor, ip, look, {
    registered: configuration.signature,
    found: () => signature,
  });
  if (fault !== undefined || !classic || !isInside(descriptor, ip)) return fault;
  return flagsFault('rseq_cs', descriptor.flags, rules) ?? flagsFault('rseq', area!.flags, rules);
}
