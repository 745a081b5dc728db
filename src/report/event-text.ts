import { hex } from '../abi/address.js';
import { flagNames } from '../abi/flags.js';
import { MEMBARRIER_COMMANDS } from '../abi/membarrier.js';
import { RSEQ, RSEQ_CS, RSEQ_SYSCALL_FLAGS } from '../abi/rseq.js';
import { signalName } from '../abi/signals.js';
import { argumentCount } from '../abi/syscall-arguments.js';
import { printable } from '../binary/printable.js';
import type { AbortCause, Event, Happening, MemoryPiece } from '../event/event.js';

/** Says what is at an address, such as ` <push+0x14>`, or ''. */
export type Namer = (address: bigint) => string;

const nobody: Namer = () => '';

/** The heads of the columns of eventText. */
export const EVENT_COLUMNS = columns('event', 'time', 'cpu', 'tid', 'kind', 'details');

/** One line an event, without its end: number, seconds since boot, CPU, thread, kind, details. */
export function eventText(event: Event, n: number, name: Namer = nobody): string {
  return columns(
    `${n}`,
    seconds(event.time),
    `[${event.cpu}]`,
    `${event.tid}`,
    event.kind,
    detailsOf(event, name),
  );
}

export function columns(...[n, time, cpu, tid, kind, details]: string[]): string {
  return `${n!.padStart(7)} ${time!.padStart(14)} ${cpu!.padStart(5)} ${tid!.padStart(6)}  ${kind!.padEnd(13)} ${details}`.trimEnd();
}

/** `1.000012345`: exact, and the same everywhere. */
export const seconds = (nanoseconds: number): string =>
  `${Math.floor(nanoseconds / 1e9)}.${String(nanoseconds % 1e9).padStart(9, '0')}`;

/** `status 3` or `killed by SIGSEGV`, of a status as wait4(2) gives it. */
export function statusText(status: number): string {
  const signal = status & 0x7f;
  return signal === 0 ? `status ${status >> 8}` : `killed by ${signalName(signal)}`;
}

/** Why, most telling first. */
export const causesText = (causes: readonly AbortCause[]): string => causes.join('+');

function detailsOf(event: Happening, name: Namer): string {
  switch (event.kind) {
    case 'start':
      return `${event.how} pid=${event.pid} parent=${event.parent} ${printable(event.name)}`;
    case 'exit':
      return `pid=${event.pid} ${statusText(event.status)}`;
    case 'exec':
      return printable(event.path);
    case 'switch':
      return `${event.from} ==> ${event.to}${event.voluntary ? '' : ' (preempted)'}`;
    case 'migrate':
      return `cpu ${event.from} ==> ${event.to}`;
    case 'wake':
      return '';
    case 'syscall':
      return callText(event.name, event.arguments, event.data);
    case 'return':
      return `${event.name} = ${returnText(event)}`;
    case 'signal':
      return `${event.signal} ${event.action} ip=${hex(event.ip)}${name(event.ip)} si_code=${event.code}${event.address === 0n ? '' : ` si_addr=${hex(event.address)}`}`;
    case 'register':
    case 'unregister':
      return `rseq=${hex(event.address)} len=${event.length} sig=${hex(event.signature)} flags=${flagNames(RSEQ_SYSCALL_FLAGS, event.flags)}`;
    case 'rseq-update':
      return `cpu_id=${event.cpuId} node_id=${event.nodeId} mm_cid=${event.mmCid}`;
    case 'abort':
      return `${causesText(event.causes)} ip=${hex(event.ip)}${name(event.ip)} start_ip=${hex(event.startIp)}${name(event.startIp)} post_commit_offset=${event.postCommitOffset} abort_ip=${hex(event.abortIp)}${name(event.abortIp)}`;
    case 'clear':
      return `rseq_cs=${hex(event.rseqCs)} ip=${hex(event.ip)}${name(event.ip)}`;
    case 'violation': {
      const at = `ip=${hex(event.ip)}${name(event.ip)}`;
      return event.rule === 'unknown'
        ? `${at} ${event.message}`
        : `[${event.rule}] ${event.message}; ${at} rseq_cs=${hex(event.rseqCs)}`;
    }
    case 'annotated':
      return `${event.name} actions=${event.actions} cookie=${event.cookie}`;
    case 'slice':
      return event.what;
    case 'log':
      return event.text.replaceAll('\n', '; ').replaceAll('\t', '');
    case 'unknown-syscall':
      return `${event.name} (${event.number}) = -1 ENOSYS`;
    case 'unknown-instruction':
      return `ip=${hex(event.ip)}${name(event.ip)} ${event.bytes} ${event.text}`;
    case 'out-of-memory':
      return `pid=${event.pid} ${event.pages} pages of ${event.limit}`;
    case 'output':
      return `fd=${event.fd} ${quoted(event.bytes)}`;
  }
}

function returnText({ value, error }: { readonly value: bigint; readonly error?: string }): string {
  if (error !== undefined) return `-1 ${error}`;
  return value > -4096n && value < 4096n ? `${value}` : hex(BigInt.asUintN(64, value));
}

/** All six registers are given, however many arguments the call has; where that is not known, zeros at the end are left out. */
function shown(name: string, args: readonly bigint[]): readonly bigint[] {
  const count = argumentCount(name);
  if (count !== undefined) return args.slice(0, count);
  const last = args.findLastIndex((value) => value !== 0n);
  return args.slice(0, last + 1);
}

/** As strace 7.0 prints it: `rseq({cpu_id_start=0, ...}, 32, 0, 0x53053053)`; other calls with their bare arguments. */
export function callText(
  name: string,
  args: readonly bigint[],
  data: readonly MemoryPiece[] | undefined = undefined,
): string {
  const decode = CALLS[name];
  const parts = decode?.(args, data) ?? shown(name, args).map(bare);
  return `${name}(${parts.join(', ')})`;
}

const bare = (value: bigint): string => {
  const signed = BigInt.asIntN(64, value);
  return signed > -4096n && signed < 4096n ? `${signed}` : hex(value);
};
const u32 = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value ?? 0n));

const CALLS: Readonly<
  Record<string, (args: readonly bigint[], data: readonly MemoryPiece[] | undefined) => string[]>
> = {
  rseq: ([address = 0n, length, flags, signature], data) => [
    areaText(address, data),
    `${u32(length)}`,
    flagNames(RSEQ_SYSCALL_FLAGS, u32(flags)),
    hex(u32(signature)),
  ],
  futex: ([address = 0n, operation, value, timeout = 0n]) => [
    hex(address),
    futexText(u32(operation)),
    `${u32(value)}`,
    ...(timeout === 0n ? [] : [hex(timeout)]),
  ],
  membarrier: ([command, flags, cpu]) => [
    MEMBARRIER_COMMANDS.find(({ value }) => value === u32(command))?.name ?? bare(command ?? 0n),
    `${u32(flags)}`,
    ...(u32(flags) === 0 ? [] : [`${u32(cpu)}`]),
  ],
};

/** include/uapi/linux/futex.h. */
const FUTEX = [
  'WAIT',
  'WAKE',
  'FD',
  'REQUEUE',
  'CMP_REQUEUE',
  'WAKE_OP',
  'LOCK_PI',
  'UNLOCK_PI',
  'TRYLOCK_PI',
  'WAIT_BITSET',
  'WAKE_BITSET',
];
const FUTEX_PRIVATE = 128;
const FUTEX_REALTIME = 256;

function futexText(operation: number): string {
  const name = FUTEX[operation & 127 & ~FUTEX_REALTIME];
  if (name === undefined) return `${operation}`;
  const flags = [
    ...((operation & FUTEX_PRIVATE) === 0 ? [] : ['_PRIVATE']),
    ...((operation & FUTEX_REALTIME) === 0 ? [] : ['|FUTEX_CLOCK_REALTIME']),
  ];
  return `FUTEX_${name}${flags.join('')}`;
}

/** struct rseq with its descriptor in place of the pointer; the pointer alone where it was not read. */
function areaText(address: bigint, data: readonly MemoryPiece[] | undefined): string {
  const [area, descriptor] = data ?? [];
  if (area === undefined) return address === 0n ? 'NULL' : hex(address);
  const text = RSEQ.format(RSEQ.read(area.bytes));
  if (descriptor === undefined) return text;
  const cs = `${RSEQ_CS.format(RSEQ_CS.read(descriptor.bytes))} /* ${hex(descriptor.address)} */`;
  return text.replace(/rseq_cs=[^,]*/, `rseq_cs=${cs}`);
}

/** At most this many bytes of output are shown, as strace does. */
const SHOWN = 32;

function quoted(bytes: Uint8Array): string {
  const text = [...bytes.subarray(0, SHOWN)].map(byteText).join('');
  return `"${text}"${bytes.length > SHOWN ? '...' : ''} ${bytes.length}`;
}

const ESCAPES: Readonly<Record<number, string>> = { 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' };
const byteText = (byte: number): string =>
  ESCAPES[byte] ??
  (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`);
