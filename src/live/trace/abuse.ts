/**
 * Writes to the fields of struct rseq that belong to the kernel: hardware watchpoints on every thread's area, which the kernel takes back when we end,
 * and what the rule writes-kernel-field of `check` finds in the files that are mapped.
 */
import { checkImage } from '../../check/check.js';
import { INDEX_FIELDS } from '../../check/fields.js';
import { writesKernelField } from '../../check/rules/writes-kernel-field.js';
import type { CodePlace } from '../../event/observed.js';
import { isErrno } from '../../linux/errors.js';
import { BREAKPOINT, closeEvent, enable, openEvent, redirect, SAMPLE } from '../../linux/perf.js';
import { PERF_RECORD } from '../../linux/perf-records.js';
import { PerfRing } from '../../linux/perf-ring.js';
import { threadStat } from '../../linux/procfs.js';
import { rseqConfiguration } from '../../linux/ptrace.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { AbuseDocument, StaticWrite } from '../../report/trace-abuse.js';
import { whileStopped } from '../stop.js';
import type { CodePlaces } from './code-places.js';

/** A store traps: a thread that does nothing else would crawl. After so many its watchpoints go. */
const ENOUGH = 500;
const RING = 8192;

interface WatchedThread {
  readonly pid: number;
  readonly fds: readonly number[];
  readonly ring: PerfRing;
  readonly address: bigint;
  hits: number;
}

interface Site {
  readonly place: CodePlace;
  readonly fields: Set<string>;
  readonly threads: Set<number>;
  count: number;
}

export class AbuseWatch {
  private readonly threads = new Map<number, WatchedThread>();
  private readonly sites = new Map<string, Site>();
  private readonly registered = new Set<number>();
  private readonly notes = new Set<string>();
  private lost = 0;

  constructor(private readonly placesOf: (pid: number) => CodePlaces | undefined) {}

  /** Threads that have registered before we came: each is stopped for a moment, to ask the kernel what. */
  begin(tids: readonly { readonly pid: number; readonly tid: number }[]): void {
    for (const { pid, tid } of tids) {
      if (threadStat(pid, tid)?.state === 'D') {
        this.notes.add(`thread ${tid} waits without hearing anybody: it is not watched`);
        continue;
      }
      const stop = whileStopped(tid, () => rseqConfiguration(tid));
      if (stop.kind === 'stopped' && stop.value !== undefined) this.watch(pid, tid, stop.value);
      if (stop.kind === 'denied') this.notes.add(`thread ${tid} has another tracer: it is not watched`);
    }
  }

  readonly watch = (pid: number, tid: number, { address }: RseqConfiguration): void => {
    this.registered.add(tid);
    this.forget(tid);
    const fds: number[] = [];
    let ring: PerfRing | undefined;
    try {
      for (const offset of INDEX_FIELDS.keys()) {
        const fd = openEvent(
          {
            type: 'breakpoint',
            sample: SAMPLE.IP | SAMPLE.ADDR,
            flags: ['disabled', 'excludeKernel', 'excludeHypervisor', 'useClockid'],
            breakpoint: { access: BREAKPOINT.WRITE, address: address + BigInt(offset), length: 4 },
          },
          tid,
          -1,
        );
        fds.push(fd);
        if (ring === undefined) ring = new PerfRing(fd, RING);
        else redirect(fd, fds[0]!);
        enable(fd);
      }
    } catch (error) {
      if (!isErrno(error, 'ESRCH'))
        this.notes.add(
          `not all fields could be watched: ${(error as Error).message}${isErrno(error, 'ENOSPC') ? '; the debug registers are in use (gdb, another rseqlab)' : ''}`,
        );
    }
    if (ring !== undefined) this.threads.set(tid, { pid, fds, ring, address, hits: 0 });
  };

  /** Reads what the watchpoints have caught. */
  poll(): void {
    for (const [tid, thread] of this.threads) {
      thread.ring.read((type, _, view, at) => {
        if (type === PERF_RECORD.LOST) this.lost += Number(view.getBigUint64(at + 16, true));
        if (type !== PERF_RECORD.SAMPLE) return;
        thread.hits++;
        this.hit(tid, thread, view.getBigUint64(at + 8, true), view.getBigUint64(at + 16, true));
      });
      if (thread.hits >= ENOUGH) this.forget(tid);
      else if (threadStat(thread.pid, tid) === undefined) this.forget(tid);
    }
  }

  private hit(tid: number, { pid, address: area }: WatchedThread, behind: bigint, address: bigint): void {
    const place = this.placesOf(pid)?.before(behind);
    if (place === undefined) return;
    const key = `${place.file}+${place.inFile}`;
    let site = this.sites.get(key);
    if (site === undefined) {
      site = { place, fields: new Set(), threads: new Set(), count: 0 };
      this.sites.set(key, site);
    }
    const field = INDEX_FIELDS.get(Number(address - area));
    if (field !== undefined) site.fields.add(field);
    site.threads.add(tid);
    site.count++;
  }

  /** What was caught, and what the files show without running. */
  document(pids: readonly number[]): AbuseDocument {
    const files = new Map<string, CodePlaces>();
    for (const pid of pids) {
      const places = this.placesOf(pid);
      for (const file of places?.files ?? []) files.set(file, places!);
    }
    return {
      kernels: writesKernelField.kernels,
      mend: writesKernelField.mend,
      watched: this.registered.size,
      lost: this.lost,
      writes: [...this.sites.values()]
        .sort((a, b) => b.count - a.count)
        .map(({ place, fields, threads, count }) => ({
          place,
          fields: [...fields],
          threads: threads.size,
          count,
        })),
      files: files.size,
      evidence:
        [...files.values()].length === 0
          ? []
          : [...files].flatMap(([file, places]) => staticWrites(file, places)),
      notes: [...this.notes],
    };
  }

  private forget(tid: number): void {
    const thread = this.threads.get(tid);
    if (thread === undefined) return;
    this.threads.delete(tid);
    thread.ring.close();
    for (const fd of thread.fds) closeEvent(fd);
  }

  close(): void {
    for (const tid of [...this.threads.keys()]) this.forget(tid);
  }
}

function staticWrites(file: string, places: CodePlaces): StaticWrite[] {
  const image = places.imageOf(file);
  if (image === undefined) return [];
  return checkImage(image, { kernel: '7.1', rules: [writesKernelField.id] }).findings.map(
    ({ message, place, function: name, line }) => ({ file, message, place, function: name, line }),
  );
}
