/**
 * What watched processes had mapped: of an address where nothing is any more that tells whose it was. Nobody stops for it: the kernel writes a record of each
 * mapping of code into a ring. Where it does not permit that, or had no room for a record, nothing is known.
 */
import { demangle } from '../../binary/demangle/index.js';
import { printable } from '../../binary/printable.js';
import { SystemError } from '../../linux/errors.js';
import { closeEvent, DUMMY, onlineCpus, openEvent, redirect } from '../../linux/perf.js';
import { TRACEPOINT_SAMPLE } from '../../linux/perf-records.js';
import { PerfRing } from '../../linux/perf-ring.js';
import type { Unloaded } from '../../report/explain-document.js';
import { CodePlaces } from '../trace/code-places.js';
import { type Fact, otherFact } from '../trace/facts.js';

const RING = 1 << 17;
/** A process of more threads is watched without: each takes an event for each CPU. */
const MOST_EVENTS = 1024;
/** Records that are kept until somebody asks: just-in-time compilers map without end. */
const MOST_FACTS = 100_000;

export class Mappings {
  private readonly rings: PerfRing[] = [];
  private readonly fds: number[] = [];
  private readonly places = new Map<number, CodePlaces>();
  private facts: Fact[] = [];
  private known = true;

  /** Threads that are there; those that they start come by themselves. `runs`: they have mapped something already. */
  constructor(tids: readonly number[], runs: boolean, pid: number) {
    try {
      const cpus = onlineCpus();
      this.known = tids.length * cpus.length <= MOST_EVENTS;
      if (this.known) for (const cpu of cpus) this.open(tids, cpu);
      if (runs) this.places.set(pid, CodePlaces.ofProcess(pid));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.known = false;
    }
  }

  private open(tids: readonly number[], cpu: number): void {
    const flags = ['inherit', 'sampleIdAll', 'mmap', 'mmap2', 'comm', 'commExec', 'task', 'excludeKernel', 'excludeHypervisor'] as const; // biome-ignore format: a list
    let first: number | undefined;
    for (const tid of tids) {
      const fd = openEvent({ type: 'software', config: DUMMY, sample: TRACEPOINT_SAMPLE, flags }, tid, cpu);
      this.fds.push(fd);
      if (first === undefined) this.rings.push(new PerfRing(fd, RING));
      else redirect(fd, first);
      first ??= fd;
    }
  }

  /** Takes what the kernel has written: often enough, or there is no room for more. */
  drain(): void {
    if (!this.known) return;
    for (const ring of this.rings)
      ring.read((type, misc, view, at, size) => {
        const fact = otherFact(type, misc, view, at, size);
        if (fact === undefined) return;
        if (fact.kind === 'lost') this.known = false;
        if (fact.kind !== 'map' || fact.path !== '//anon') this.facts.push(fact);
      });
    if (this.facts.length > MOST_FACTS) this.known = false;
    if (!this.known) this.facts = [];
  }

  /** The file that was mapped at an address where nothing is. */
  at(pid: number, address: bigint): Unloaded | undefined {
    this.drain();
    this.apply();
    const owner = this.known ? this.places.get(pid)?.ownerOf(address) : undefined;
    if (owner === undefined) return undefined;
    const { module, section } = owner;
    const start = section?.section.start;
    const line = start === undefined ? undefined : module.file.image?.lineAt(start);
    const name = section?.section.function;
    return {
      file: module.name,
      function: name === undefined ? null : demangle(name),
      line: line === undefined ? null : `${printable(line.file)}:${line.line}`,
    };
  }

  private apply(): void {
    // Each CPU has a ring of its own.
    for (const fact of this.facts.sort((a, b) => a.time - b.time)) {
      const { pid } = fact;
      if (fact.kind === 'name' && fact.exec) this.places.set(pid, new CodePlaces(pid));
      else if (fact.kind === 'map') this.places.get(pid)?.map(fact);
      else if (fact.kind === 'fork' && fact.parentPid !== pid) {
        const maker = this.places.get(fact.parentPid);
        if (maker !== undefined) this.places.set(pid, maker.fork(pid));
      }
    }
    this.facts = [];
  }

  close(): void {
    for (const ring of this.rings) ring.close();
    for (const fd of this.fds) closeEvent(fd);
  }
}
