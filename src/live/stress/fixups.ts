/** Every abort, forced or not, as the kernel's tracepoint rseq:rseq_ip_fixup tells it: with the instruction pointer that was interrupted. */
import { isErrno, SystemError, Unavailable } from '../../linux/errors.js';
import {
  closeEvent,
  enable,
  notPermitted,
  onlineCpus,
  openEvent,
  redirect,
  SAMPLE,
} from '../../linux/perf.js';
import { PerfRing } from '../../linux/perf-ring.js';
import { tracepoint } from '../../linux/tracefs.js';

/** PERF_RECORD_LOST, PERF_RECORD_SAMPLE. */
const LOST = 2;
const RECORD = 9;
/** Bytes of a record in front of the tracepoint's own: header, pid and tid, length. */
const HEAD = 20;
const RING = 1 << 18;
/** A process of more threads is watched without: each takes an event for each CPU. */
const MOST_EVENTS = 1024;

export class Fixups {
  private readonly rings: PerfRing[] = [];
  private readonly fds: number[] = [];
  private readonly offset: number;
  /** Number of the tracepoint. */
  readonly tracepoint: number;
  /** The kernel had no room for some: what is left out cannot be told. */
  lost = false;

  /** Threads that are there; those that they start come by themselves. Throws Unavailable: what is to be granted. */
  constructor(tids: readonly number[]) {
    const point = tracepoint('rseq:rseq_ip_fixup');
    const offset = point?.fields.get('regs_ip')?.offset;
    if (point === undefined || offset === undefined)
      throw new Unavailable('this kernel has no tracepoint rseq:rseq_ip_fixup');
    this.offset = offset;
    this.tracepoint = point.id;
    const cpus = onlineCpus();
    if (tids.length * cpus.length > MOST_EVENTS)
      throw new Unavailable(`the process has too many threads (${tids.length})`);
    try {
      for (const cpu of cpus) this.open(point.id, tids, cpu);
    } catch (error) {
      this.close();
      if (!(error instanceof SystemError)) throw error;
      throw isErrno(error, 'EACCES', 'EPERM')
        ? notPermitted(error, 'this process')
        : new Unavailable(error.message);
    }
  }

  private open(id: number, tids: readonly number[], cpu: number): void {
    const attributes = { type: 'tracepoint', config: id, period: 1, sample: SAMPLE.TID | SAMPLE.RAW, flags: ['disabled', 'inherit'] } as const; // biome-ignore format: a list
    let first: number | undefined;
    for (const tid of tids) {
      const fd = openEvent(attributes, tid, cpu);
      this.fds.push(fd);
      if (first === undefined) this.rings.push(new PerfRing(fd, RING));
      else redirect(fd, first);
      first ??= fd;
      enable(fd);
    }
  }

  /** Hands on what has happened since the last time: how often at each place. There may be hundreds of thousands in a second. */
  read(onAborts: (pid: number, ip: number, times: number) => void): void {
    const { offset } = this;
    const all = new Map<number, Map<number, number>>();
    let lastPid = 0;
    let places = new Map<number, number>();
    for (const ring of this.rings)
      ring.read((type, _, view, at) => {
        if (type === LOST) this.lost = true;
        if (type !== RECORD) return;
        const pid = view.getUint32(at + 8, true);
        if (pid !== lastPid) {
          places = all.get(pid) ?? new Map();
          all.set(pid, places);
          lastPid = pid;
        }
        const word = at + HEAD + offset;
        const ip = view.getUint32(word, true) + view.getUint32(word + 4, true) * 2 ** 32;
        places.set(ip, (places.get(ip) ?? 0) + 1);
      });
    for (const [pid, found] of all) for (const [ip, times] of found) onAborts(pid, ip, times);
  }

  close(): void {
    for (const ring of this.rings) ring.close();
    for (const fd of this.fds) closeEvent(fd);
  }
}
