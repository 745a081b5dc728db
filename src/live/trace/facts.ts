/** What perf's records say, one row a tracepoint: the records of Linux become facts that do not depend on their layout. */
import { PERF_RECORD, RAW_OFFSET, readSampleId } from '../../linux/perf-records.js';
import type { Tracepoint } from '../../linux/tracefs.js';

/** Where and when: nanoseconds of CLOCK_MONOTONIC. */
interface FactStamp {
  readonly time: number;
  readonly cpu: number;
  readonly pid: number;
  readonly tid: number;
}

/**
 * Legend:
 *   fixup          the kernel aborted a section
 *   update         it wrote the ids
 *   enter, leave   rseq(2)
 *   barrier        membarrier(2) begins
 *   next           the thread is about to leave its CPU: for whom, in which state (0 or 256: it could go on; 8: a tracer has stopped it)
 *   out, in        it has left its CPU, it is back; `next`, `previous`: for whom, where that is told
 *   moved          the scheduler moves a thread
 *   signal         is delivered
 *   forced         the kernel sends a SIGSEGV by itself; `chain`: the way in the kernel that led to it, `ip`: where the thread stands, 0 where that is not known
 *   fork, exit     of threads
 *   name           comm has changed; by exec
 *   map            something executable has been mapped
 *   store          an instruction has written to memory that is watched
 *   lost           so many records, for want of room
 */
export type FactBody =
  | {
      readonly kind: 'fixup';
      readonly ip: bigint;
      readonly startIp: bigint;
      readonly postCommitOffset: bigint;
      readonly abortIp: bigint;
    }
  | { readonly kind: 'update'; readonly cpuId: number; readonly nodeId: number; readonly mmCid: number }
  | { readonly kind: 'enter'; readonly arguments: readonly bigint[] }
  | { readonly kind: 'leave'; readonly value: bigint }
  | { readonly kind: 'barrier'; readonly arguments: readonly bigint[] }
  | { readonly kind: 'next'; readonly next: number; readonly name: string; readonly state: number }
  | { readonly kind: 'out'; readonly preempted: boolean; readonly next?: number }
  | { readonly kind: 'in'; readonly previous?: number }
  | { readonly kind: 'moved'; readonly thread: number; readonly from: number; readonly to: number }
  | { readonly kind: 'signal'; readonly signal: number; readonly code: number; readonly handler: bigint }
  | { readonly kind: 'forced'; readonly ip: bigint; readonly chain: readonly bigint[] }
  | { readonly kind: 'fork'; readonly parentPid: number; readonly parentTid: number }
  | { readonly kind: 'exit' }
  | { readonly kind: 'name'; readonly name: string; readonly exec: boolean }
  | {
      readonly kind: 'map';
      readonly start: bigint;
      readonly size: bigint;
      readonly offset: bigint;
      readonly device: string;
      readonly inode: number;
      readonly path: string;
    }
  | { readonly kind: 'store'; readonly ip: bigint; readonly address: bigint }
  | { readonly kind: 'lost'; readonly count: number };

export type Fact = FactStamp & FactBody;

/** Reads a record: `at` is the first byte of the tracepoint's own part. Facts are made in one piece each: there are hundred thousands a second. */
type Reader = (
  view: DataView,
  at: number,
  time: number,
  cpu: number,
  pid: number,
  tid: number,
) => Fact | undefined;

/** Where fields are. Throws RangeError: this kernel's tracepoint lacks it. */
type Offsets = (name: string) => number;

const u64 = (view: DataView, at: number): bigint => view.getBigUint64(at, true);
const i64 = (view: DataView, at: number): bigint => view.getBigInt64(at, true);
const i32 = (view: DataView, at: number): number => view.getInt32(at, true);

/** A C string in a field of fixed size. */
function text(view: DataView, at: number, size: number): string {
  let plain = '';
  for (let end = at; end < at + size; end++) {
    const byte = view.getUint8(end);
    if (byte === 0) break;
    if (byte >= 0x80) return longText(view, at, size);
    plain += String.fromCharCode(byte);
  }
  return plain;
}

function longText(view: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.slice(0, end < 0 ? size : end));
}

const words =
  (...offsets: readonly number[]) =>
  (view: DataView, at: number): bigint[] =>
    offsets.map((offset) => u64(view, at + offset));

const RSEQ = 334;

/** By tracepoint. raw_syscalls are for kernels without tracepoints of single calls (CONFIG_FTRACE_SYSCALLS). */
const READERS: Readonly<Record<string, (offset: Offsets) => Reader>> = {
  'rseq:rseq_ip_fixup': (offset) => {
    const [ip, start, end, abort] = ['regs_ip', 'start_ip', 'post_commit_offset', 'abort_ip'].map(offset);
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'fixup',
      ip: u64(view, at + ip!),
      startIp: u64(view, at + start!),
      postCommitOffset: u64(view, at + end!),
      abortIp: u64(view, at + abort!),
    });
  },
  'rseq:rseq_update': (offset) => {
    const [cpuId, node, cid] = ['cpu_id', 'node_id', 'mm_cid'].map(offset);
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'update',
      cpuId: i32(view, at + cpuId!),
      nodeId: i32(view, at + node!),
      mmCid: i32(view, at + cid!),
    });
  },
  'syscalls:sys_enter_rseq': (offset) => {
    const read = words(...['rseq', 'rseq_len', 'flags', 'sig'].map(offset));
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'enter',
      arguments: read(view, at),
    });
  },
  'syscalls:sys_exit_rseq': (offset) => {
    const value = offset('ret');
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'leave',
      value: i64(view, at + value),
    });
  },
  'raw_syscalls:sys_enter': (offset) => {
    const [id, args] = ['id', 'args'].map(offset);
    const read = words(args!, args! + 8, args! + 16, args! + 24);
    return (view, at, time, cpu, pid, tid) =>
      i64(view, at + id!) === BigInt(RSEQ)
        ? { time, cpu, pid, tid, kind: 'enter', arguments: read(view, at) }
        : undefined;
  },
  'raw_syscalls:sys_exit': (offset) => {
    const [id, value] = ['id', 'ret'].map(offset);
    return (view, at, time, cpu, pid, tid) =>
      i64(view, at + id!) === BigInt(RSEQ)
        ? { time, cpu, pid, tid, kind: 'leave', value: i64(view, at + value!) }
        : undefined;
  },
  'syscalls:sys_enter_membarrier': (offset) => {
    const read = words(...['cmd', 'flags', 'cpu_id'].map(offset));
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'barrier',
      arguments: read(view, at),
    });
  },
  'sched:sched_switch': (offset) => {
    const [state, name, next] = ['prev_state', 'next_comm', 'next_pid'].map(offset);
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'next',
      next: i32(view, at + next!),
      name: text(view, at + name!, 16),
      state: Number(i64(view, at + state!)),
    });
  },
  'sched:sched_migrate_task': (offset) => {
    const [thread, from, to] = ['pid', 'orig_cpu', 'dest_cpu'].map(offset);
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'moved',
      thread: i32(view, at + thread!),
      from: i32(view, at + from!),
      to: i32(view, at + to!),
    });
  },
  'signal:signal_deliver': (offset) => {
    const [signal, code, handler] = ['sig', 'code', 'sa_handler'].map(offset);
    return (view, at, time, cpu, pid, tid) => ({
      time,
      cpu,
      pid,
      tid,
      kind: 'signal',
      signal: i32(view, at + signal!),
      code: i32(view, at + code!),
      handler: u64(view, at + handler!),
    });
  },
};

/** For the records of a sampled tracepoint, TID, TIME, CPU and RAW; `at` is the record's header. */
export function readerOf(point: Tracepoint): (view: DataView, at: number) => Fact | undefined {
  const read = READERS[point.name]!((name) => {
    const field = point.fields.get(name);
    if (field === undefined) throw new RangeError(`${point.name} has no field ${name}`);
    return field.offset;
  });
  return (view, at) =>
    read(
      view,
      at + RAW_OFFSET,
      view.getUint32(at + 16, true) + view.getUint32(at + 20, true) * 2 ** 32,
      view.getUint32(at + 24, true),
      view.getInt32(at + 8, true),
      view.getInt32(at + 12, true),
    );
}

/** Bytes in front of a CHAIN_SAMPLE's addresses: header, TID, TIME, CPU, how many. */
const CHAIN_OFFSET = 8 + 8 + 8 + 8 + 8;

/** A CHAIN_SAMPLE, of signal:signal_generate. */
export function forcedSignal(view: DataView, at: number): Fact {
  const count = view.getUint32(at + CHAIN_OFFSET - 8, true);
  const chain = Array.from({ length: count }, (_, index) => u64(view, at + CHAIN_OFFSET + 8 * index));
  const raw = at + CHAIN_OFFSET + 8 * count;
  const registers = raw + 4 + view.getUint32(raw, true);
  // PERF_SAMPLE_REGS_ABI_NONE: it is no thread of a program.
  const abi = u64(view, registers);
  const stamp = {
    time: view.getUint32(at + 16, true) + view.getUint32(at + 20, true) * 2 ** 32,
    cpu: view.getUint32(at + 24, true),
    pid: i32(view, at + 8),
    tid: i32(view, at + 12),
  };
  return { ...stamp, kind: 'forced', ip: abi === 0n ? 0n : u64(view, registers + 8), chain };
}

const MISC = { COMM_EXEC: 1 << 13, SWITCH_OUT: 1 << 13, SWITCH_OUT_PREEMPT: 1 << 14 } as const;
const PROT_EXEC = 4;

/** A record that is none of a tracepoint; undefined: it says nothing that matters. */
export function otherFact(
  type: number,
  misc: number,
  view: DataView,
  at: number,
  size: number,
): Fact | undefined {
  const body = bodyOf(type, misc, view, at, size);
  if (body === undefined) return undefined;
  const stamp = readSampleId(view, at + size);
  // A fork is told by the parent: the fact is of the child.
  if (body.kind === 'fork') return { ...stamp, pid: i32(view, at + 8), tid: i32(view, at + 16), ...body };
  return { ...stamp, ...body };
}

function bodyOf(type: number, misc: number, view: DataView, at: number, size: number): FactBody | undefined {
  switch (type) {
    case PERF_RECORD.LOST:
      return { kind: 'lost', count: Number(u64(view, at + 16)) };
    case PERF_RECORD.LOST_SAMPLES:
      return { kind: 'lost', count: Number(u64(view, at + 8)) };
    case PERF_RECORD.COMM:
      return { kind: 'name', name: text(view, at + 16, 16), exec: (misc & MISC.COMM_EXEC) !== 0 };
    case PERF_RECORD.FORK:
      return { kind: 'fork', parentPid: i32(view, at + 12), parentTid: i32(view, at + 20) };
    case PERF_RECORD.EXIT:
      return { kind: 'exit' };
    case PERF_RECORD.MMAP2:
      if ((view.getUint32(at + 64, true) & PROT_EXEC) === 0) return undefined;
      return {
        kind: 'map',
        start: u64(view, at + 16),
        size: u64(view, at + 24),
        offset: u64(view, at + 32),
        device: `${hex2(view.getUint32(at + 40, true))}:${hex2(view.getUint32(at + 44, true))}`,
        inode: Number(u64(view, at + 48)),
        path: text(view, at + 72, size - 72),
      };
    case PERF_RECORD.SWITCH:
    case PERF_RECORD.SWITCH_CPU_WIDE: {
      const other = type === PERF_RECORD.SWITCH_CPU_WIDE ? i32(view, at + 12) : undefined;
      if ((misc & MISC.SWITCH_OUT) === 0)
        return { kind: 'in', ...(other !== undefined && { previous: other }) };
      const preempted = (misc & MISC.SWITCH_OUT_PREEMPT) !== 0;
      return { kind: 'out', preempted, ...(other !== undefined && { next: other }) };
    }
    default:
      return undefined;
  }
}

/** As /proc/PID/maps writes a device's numbers. */
const hex2 = (value: number): string => value.toString(16).padStart(2, '0');
