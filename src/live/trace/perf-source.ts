/** Opens perf events for processes or the whole machine, and hands on what they tell in the order in which it happened. */
import { readFileSync } from 'node:fs';
import { isErrno, SystemError, Unavailable } from '../../linux/errors.js';
import { call, tryCall } from '../../linux/libc.js';
import {
  closeEvent,
  DUMMY,
  disable,
  enable,
  filter,
  notPermitted,
  onlineCpus,
  openEvent,
  type PerfAttributes,
  type PerfFlag,
  REGISTER_IP,
  redirect,
  SAMPLE,
} from '../../linux/perf.js';
import { CHAIN_SAMPLE, PERF_RECORD, RAW_OFFSET, TRACEPOINT_SAMPLE } from '../../linux/perf-records.js';
import { PerfRing } from '../../linux/perf-ring.js';
import { threadsOf } from '../../linux/procfs.js';
import { type Tracepoint, tracepoint } from '../../linux/tracefs.js';
import { type Fact, forcedSignal, otherFact, readerOf } from './facts.js';

/** What is watched: a process that will exec (its events begin there), processes that run, or everything. */
export type PerfTarget =
  | { readonly kind: 'command'; readonly pid: number }
  | { readonly kind: 'processes'; readonly pids: readonly number[] }
  | { readonly kind: 'all' };

export interface PerfOptions {
  /** Bytes of each CPU's ring: a power of two of at least 8192; undefined: as is usual. */
  readonly buffer: number | undefined;
  /** Also rseq:rseq_update. */
  readonly updates: boolean;
  /** Also sched:sched_migrate_task. */
  readonly moves: boolean;
}

/** More events than this are not opened for processes that run: all CPUs are watched then, and what is not theirs is left out here. */
const MOST_EVENTS = 6000;

/** All rings together take 64 MiB at most, one 16 MiB. */
const usualSize = (cpus: number): number =>
  Math.max(1 << 17, Math.min(1 << 24, 2 ** Math.floor(Math.log2(2 ** 26 / cpus))));

const byTime = (a: Fact, b: Fact): number => a.time - b.time;
/** Nanoseconds that a CPU may take to write a record, also one that is virtual and not there all the time. */
const SLOWEST = 10_000_000;
/** Bytes of each ring that are read at a time. */
const PORTION = 1 << 17;

/** Bytes of a set of CPUs: 4096 of them. */
const AFFINITY = 512;
const PR_SET_NAME = 15;

interface Point {
  readonly point: Tracepoint;
  readonly filter?: string;
}

const COMMAND_RSEQ = 334;
/** MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ. */
const BARRIER = 'cmd == 128';
/** A SIGSEGV of the kernel's own, SI_KERNEL: by it rseq ends who breaks a rule. */
const FORCED = 'sig == 11 && code == 128';
const GENERATED = 'signal:signal_generate';

/** The tracepoints that this kernel has of those that are wanted. Throws Unavailable. */
function choosePoints({ updates, moves }: PerfOptions, all: boolean): { points: Point[]; missing: string[] } {
  const points: Point[] = [];
  const missing: string[] = [];
  const take = (name: string, expression?: string): boolean => {
    const point = tracepoint(name);
    if (point !== undefined) points.push({ point, ...(expression !== undefined && { filter: expression }) });
    return point !== undefined;
  };
  if (!take('rseq:rseq_ip_fixup'))
    missing.push('rseq:rseq_ip_fixup: aborts cannot be seen (CONFIG_RSEQ, Linux 4.18)');
  for (const half of ['enter', 'exit'])
    if (!take(`syscalls:sys_${half}_rseq`)) take(`raw_syscalls:sys_${half}`, `id == ${COMMAND_RSEQ}`);
  if (!take('syscalls:sys_enter_membarrier', BARRIER))
    missing.push('syscalls:sys_enter_membarrier: aborts by membarrier(2) have no cause');
  take('signal:signal_deliver');
  take(GENERATED, FORCED);
  // Of the whole machine the records of switches say it all.
  if (!all) take('sched:sched_switch');
  if (updates) take('rseq:rseq_update');
  if (moves) take('sched:sched_migrate_task');
  return { points, missing };
}

export class PerfSource {
  private readonly fds: number[] = [];
  private readonly rings: PerfRing[] = [];
  private readonly readers = new Map<number, (view: DataView, at: number) => Fact | undefined>();
  private waiting: Fact[] = [];
  private horizon = 0;
  /** Records that the kernel had no room for. */
  lost = 0;
  /** What this kernel does not have. */
  readonly missing: string[];
  private readonly points: readonly Point[];
  /** All CPUs are watched though only some processes are wanted: there are too many threads. */
  readonly widened: boolean = false;

  /** Throws Unavailable: what is to be granted. */
  constructor(
    target: PerfTarget,
    private readonly options: PerfOptions,
  ) {
    const cpus = onlineCpus();
    this.cpuCount = cpus.length;
    const threads = target.kind === 'processes' ? target.pids.flatMap(threadsOf).length : 1;
    const all =
      target.kind === 'all' || (target.kind === 'processes' && threads * cpus.length * 8 > MOST_EVENTS);
    this.widened = all && target.kind === 'processes';
    const { points, missing } = choosePoints(options, all);
    this.points = points;
    this.missing = missing;
    for (const { point } of points)
      if (point.name === GENERATED) this.readers.set(0, forcedSignal);
      else this.readers.set(point.id, readerOf(point));
    raiseFileLimit();
    try {
      if (all) this.openAll(cpus);
      else if (target.kind === 'command') this.openFor([target.pid], cpus, ['enableOnExec']);
      else if (target.kind === 'processes') this.openProcesses(target.pids, cpus);
    } catch (error) {
      this.close();
      if (!(error instanceof SystemError)) throw error;
      if (isErrno(error, 'EACCES', 'EPERM'))
        throw notPermitted(error, all ? 'the whole machine' : 'this process');
      if (isErrno(error, 'EMFILE'))
        throw new Unavailable('too many perf events for the limit of open files: ulimit -n');
      throw error;
    }
  }

  private openAll(cpus: readonly number[]): void {
    for (const cpu of cpus) this.openOn(-1, cpu, []);
    for (const fd of this.fds) enable(fd);
  }

  /** Threads that come while we look inherit if they come from one that is watched already, which a record says: the others are still to be opened. */
  private openProcesses(pids: readonly number[], cpus: readonly number[]): void {
    const seen = new Set<number>();
    for (;;) {
      for (const ring of this.rings) ring.read(this.onRecord);
      for (const fact of this.waiting) if (fact.kind === 'fork') seen.add(fact.tid);
      const fresh = pids.flatMap(threadsOf).filter((tid) => !seen.has(tid));
      if (fresh.length === 0) return;
      for (const tid of fresh) {
        seen.add(tid);
        try {
          this.openFor([tid], cpus, []);
        } catch (error) {
          if (!isErrno(error, 'ESRCH')) throw error;
        }
      }
    }
  }

  private openFor(tids: readonly number[], cpus: readonly number[], more: readonly PerfFlag[]): void {
    for (const tid of tids)
      for (const cpu of cpus) {
        const first = this.fds.length;
        this.openOn(tid, cpu, ['inherit', ...more]);
        if (!more.includes('enableOnExec')) for (const fd of this.fds.slice(first)) enable(fd);
      }
  }

  private readonly ringOf = new Map<number, number>();

  private openOn(tid: number, cpu: number, more: readonly PerfFlag[]): void {
    const common: PerfFlag[] = ['disabled', 'sampleIdAll', 'useClockid', ...more];
    const leader = openEvent(
      {
        type: 'software',
        config: DUMMY,
        sample: TRACEPOINT_SAMPLE & ~SAMPLE.RAW,
        flags: [...common, 'mmap', 'mmap2', 'comm', 'commExec', 'task', 'contextSwitch'],
      },
      tid,
      cpu,
    );
    this.fds.push(leader);
    const ring = this.ringOf.get(cpu);
    if (ring === undefined) {
      this.rings.push(new PerfRing(leader, this.options.buffer ?? usualSize(this.cpuCount)));
      this.ringOf.set(cpu, leader);
    } else redirect(leader, ring);
    for (const { point, filter: expression } of this.points) {
      const fd = openEvent(
        {
          type: 'tracepoint',
          config: point.id,
          ...(point.name === GENERATED ? chained(common) : { sample: TRACEPOINT_SAMPLE, flags: common }),
        },
        tid,
        cpu,
      );
      this.fds.push(fd);
      if (expression !== undefined) filter(fd, expression);
      if (point.name === 'syscalls:sys_enter_membarrier') this.barriers.push(fd);
      redirect(fd, this.ringOf.get(cpu)!);
    }
  }

  private readonly cpuCount: number;
  private wasFull = false;
  private lostBefore = 0;
  private readonly barriers: number[] = [];

  /** Whoever calls membarrier(2) all the time would drown everything else: its events go first. */
  private spareBarriers(): void {
    if (this.barriers.length === 0) return;
    const count = this.waiting.reduce((sum, { kind }) => sum + (kind === 'barrier' ? 1 : 0), 0);
    if (count * 2 < this.waiting.length) return;
    for (const fd of this.barriers.splice(0)) disable(fd);
    this.missing.push('membarrier(2) is called so often that its events were left out from then on');
  }

  /**
   * The kernel tells of records that it had no room for in front of the next one that it has room for: so that the last of them are told, each ring gets
   * one of ours.
   */
  private shake(): void {
    const name = new TextEncoder().encode(`${readFileSync('/proc/self/comm', 'latin1').trim()}\0`);
    const before = new Uint8Array(AFFINITY);
    const size = call('sched_getaffinity', 0, AFFINITY, before);
    for (const [cpu, ring] of this.ringOf) {
      const only = new Uint8Array(AFFINITY);
      only[cpu >> 3] = 1 << (cpu & 7);
      // A CPU that is not ours to run on: its last losses stay untold.
      if (tryCall('sched_setaffinity', 0, AFFINITY, only) < 0) continue;
      const flags: PerfFlag[] = ['sampleIdAll', 'useClockid', 'comm'];
      const sample = TRACEPOINT_SAMPLE & ~SAMPLE.RAW;
      const fd = openEvent({ type: 'software', config: DUMMY, sample, flags }, 0, cpu);
      redirect(fd, ring);
      tryCall('prctl', PR_SET_NAME, name, 0, 0, 0);
      closeEvent(fd);
    }
    call('sched_setaffinity', 0, size, before);
    for (const ring of this.rings) ring.read(this.onRecord);
  }

  /**
   * What happened up to the last look, in order; with `all` up to now. `more`: there is more to be had at once: large heaps of facts would cost more than
   * they do one by one, since the collector of garbage would have to keep them.
   */
  poll(all = false): { facts: Fact[]; fill: number; more: boolean } {
    const now = monotonic();
    // What has happened up to the last look has been read; what happened a moment ago may not have been written yet.
    let limit = all ? Number.POSITIVE_INFINITY : Math.max(this.horizon, now - SLOWEST);
    let fill = 0;
    let more = false;
    for (const ring of this.rings) {
      ring.fullest = 0;
      this.newest = 0;
      if (ring.read(this.onRecord, PORTION)) {
        more = true;
        limit = Math.min(limit, this.newest);
      }
      fill = Math.max(fill, ring.fullest / ring.capacity);
    }
    this.horizon = now;
    this.wasFull ||= fill > 0.9;
    if (all && !more && this.wasFull) {
      this.wasFull = false;
      this.shake();
    }
    if (this.lost > this.lostBefore) this.spareBarriers();
    this.lostBefore = this.lost;
    const { waiting } = this;
    waiting.sort(byTime);
    let count = waiting.length;
    while (count > 0 && waiting[count - 1]!.time >= limit) count--;
    this.waiting = waiting.slice(count);
    waiting.length = count;
    return { facts: waiting, fill, more };
  }

  /** Of the record that was read last. */
  private newest = 0;

  private readonly onRecord = (
    type: number,
    misc: number,
    view: DataView,
    at: number,
    size: number,
  ): void => {
    const fact =
      type === PERF_RECORD.SAMPLE
        ? this.readers.get(view.getUint16(at + RAW_OFFSET, true))?.(view, at)
        : otherFact(type, misc, view, at, size);
    if (fact === undefined) return;
    if (fact.kind === 'lost') this.lost += fact.count;
    this.newest = fact.time;
    this.waiting.push(fact);
  };

  close(): void {
    for (const ring of this.rings.splice(0)) ring.close();
    for (const fd of this.fds.splice(0)) closeEvent(fd);
  }
}

const chained = (flags: readonly PerfFlag[]): Pick<PerfAttributes, 'sample' | 'flags' | 'userRegisters'> => ({
  sample: CHAIN_SAMPLE,
  userRegisters: 1 << REGISTER_IP,
  flags: [...flags, 'excludeCallchainUser'],
});

/** Nanoseconds of CLOCK_MONOTONIC: what libuv's high-resolution clock is on Linux. */
const monotonic = (): number => Number(process.hrtime.bigint());

/** As many files as the hard limit allows: each event is one. */
function raiseFileLimit(): void {
  const RLIMIT_NOFILE = 7;
  const limits = new BigUint64Array(2);
  call('getrlimit', RLIMIT_NOFILE, limits);
  if (limits[0]! >= limits[1]!) return;
  limits[0] = limits[1]!;
  call('setrlimit', RLIMIT_NOFILE, limits);
}
