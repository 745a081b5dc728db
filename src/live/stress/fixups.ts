/** Every abort of any process, forced or not, as the kernel's tracepoint rseq:rseq_ip_fixup tells it: with the instruction pointer that was interrupted. */
import { isErrno, SystemError, Unavailable } from '../../linux/errors.js';
import { closeEvent, enable, notPermitted, onlineCpus, openEvent, SAMPLE } from '../../linux/perf.js';
import { PerfRing } from '../../linux/perf-ring.js';
import { tracepoint } from '../../linux/tracefs.js';

/** PERF_RECORD_LOST, PERF_RECORD_SAMPLE. */
const LOST = 2;
const RECORD = 9;
/** Bytes of a record in front of the tracepoint's own: header, pid and tid, length. */
const HEAD = 20;
/** Bytes of a record, about. */
const SIZE = 64;
/** Bytes for each CPU: what a process under stress writes in some hundredths of a second; less where there are many CPUs. */
const RING = 1 << 20;
const LEAST_RING = 1 << 18;
const ALL_RINGS = 1 << 26;

export class Fixups {
  private readonly rings: PerfRing[] = [];
  private readonly fds: number[] = [];
  private readonly offset: number;
  /** The kernel had no room for some: what is left out cannot be told. */
  lost = false;

  /** Throws Unavailable: what is to be granted. */
  constructor() {
    const point = tracepoint('rseq:rseq_ip_fixup');
    const offset = point?.fields.get('regs_ip')?.offset;
    if (point === undefined || offset === undefined)
      throw new Unavailable('this kernel has no tracepoint rseq:rseq_ip_fixup');
    this.offset = offset;
    try {
      const cpus = onlineCpus();
      const ring = cpus.length * RING <= ALL_RINGS ? RING : LEAST_RING;
      for (const cpu of cpus) this.open(point.id, cpu, ring);
    } catch (error) {
      this.close();
      if (!(error instanceof SystemError)) throw error;
      throw isErrno(error, 'EACCES', 'EPERM')
        ? notPermitted(error, 'this process')
        : new Unavailable(error.message);
    }
  }

  /** Whoever runs there: an event of a thread's own would be begun and ended at each of its switches, and switches are what everything here costs. */
  private open(id: number, cpu: number, ring: number): void {
    const fd = openEvent({ type: 'tracepoint', config: id, period: 1, sample: SAMPLE.TID | SAMPLE.RAW, flags: ['disabled'] }, -1, cpu); // biome-ignore format: a list
    this.fds.push(fd);
    this.rings.push(new PerfRing(fd, ring));
    enable(fd);
  }

  /** So many aborts have room, and as many again of others. */
  get room(): number {
    return Math.min(...this.rings.map(({ capacity }) => capacity)) / SIZE / 2;
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
