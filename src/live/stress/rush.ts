/**
 * The rounds of a campaign in which nothing new happens, done by machine code (src/linux/stop-loop): a stop costs two switches between processes, and
 * JavaScript would double that. Whatever is not plain, a point that a thread comes to for the first time, a section that is not armed, an event, is the
 * campaign's as before; what was done meanwhile is entered into it first.
 */

import { SIG } from '../../abi/signals.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { canLoop, StopLoop } from '../../linux/stop-loop/stop-loop.js';
import { type Change, decode, waitFor } from '../../linux/wait.js';
import type { Breakpoint, Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import { RSEQ_CS_AT } from './armed-instance.js';
import { Bare } from './bare.js';
import type { Campaign } from './campaign.js';
import type { Instance } from './instance.js';
import type { Point } from './sections.js';
import type { Together } from './together.js';

/** A section that is left to the machine code. */
interface Entry {
  readonly instance: Instance;
  readonly index: number;
  /** Its points and behind them its exits: index of the first, and what each is. */
  readonly first: number;
  readonly points: readonly Point[];
  readonly breakpoints: readonly Breakpoint[];
  /** Its bytes, where one write is to do for several breakpoints. */
  readonly window: { readonly at: number; readonly bytes: Uint8Array } | undefined;
  /** Where in `lists` its own begins. */
  readonly list: number;
}

/** A longer section is written to breakpoint by breakpoint. */
const WINDOW = 512;
/** Words of a list: rounds of a storm, decided beforehand. */
const LIST = 512;

export class Rush {
  private loop: StopLoop | undefined;
  private version = -1;
  private entries: Entry[] = [];
  private readonly byInstance = new Map<Instance, Entry>();
  private readonly threads = new Map<number, TracedThread>();
  private room = 0;
  private off: boolean;
  /** Stops before we have a look at what was done: some hundredths of a second. */
  private quota = 8000;

  private readonly bare: Bare;
  /** Whose stops nearly all were since the last tick. */
  private alone: number | undefined;

  /** `onQuota` is called every few hundredths of a second, when all threads run. */
  constructor(
    private readonly campaign: Campaign,
    private readonly together: Together,
    watch: ConstructorParameters<typeof Bare>[0],
    private readonly onQuota: () => void,
  ) {
    const { cause, witness } = campaign.options;
    this.off = cause !== 'ptrace' || witness || !canLoop();
    this.bare = new Bare(watch, ({ tid }, on) => this.loop?.setToSyscall(tid, on));
    campaign.onNew = (thread, instance, point) => this.isNew(thread, instance, point);
  }

  /** For Tracer.wait. */
  wait(): Change | undefined {
    for (;;) {
      if (!this.prepare()) {
        this.bare.end();
        this.together.apart();
        return waitFor(-1);
      }
      const stop = this.loop!.run(this.quota);
      this.absorb();
      if (stop !== undefined) return this.stopped(stop);
      this.tell();
      this.onQuota();
    }
  }

  onTick(): void {
    this.tell();
    const thread = this.alone === undefined ? undefined : this.threads.get(this.alone);
    if (thread !== undefined) this.bare.onTick(thread);
    this.alone = undefined;
  }

  /** Says what was done since the last time. */
  private tell(): void {
    const work = this.loop?.takeStops();
    if (work !== undefined && work.stops > 0) this.alone = this.together.worked(work) ? work.tid : undefined;
  }

  /** No more stops than that may go by without a look. */
  lookAfter(stops: number): void {
    this.quota = Math.min(this.quota, Math.floor(stops));
  }

  private stopped({ tid, status }: { readonly tid: number; readonly status: number }): Change | undefined {
    if (tid <= 0) {
      this.bare.end();
      return waitFor(-1);
    }
    const change = decode(tid, status);
    if (this.bare.isAbout(tid) && change.kind !== 'exited' && change.kind !== 'killed') this.bare.end();
    const site = this.loop!.takeLast(tid);
    if (site !== undefined) this.campaign.came(tid, this.pointOf(site));
    // A signal, the birth of a thread, its end: it has other things to do.
    if ((change.kind !== 'signal' || change.signal !== SIG.SIGTRAP) && this.threads.has(tid))
      this.together.apart();
    return change;
  }

  /** It is another program now, of one thread. */
  execed(process: TracedProcess): void {
    for (const thread of [...this.threads.values()]) if (thread.process === process) this.forget(thread);
  }

  /** It is gone. */
  forget(thread: TracedThread): void {
    this.threads.delete(thread.tid);
    this.bare.forget(thread);
    this.loop?.dropThread(thread.tid);
    this.threadsChange(thread);
  }

  /** How many threads there are decides how long a sweep goes on. */
  threadsChange({ process: { space } }: TracedThread): void {
    for (const { instance } of this.entries)
      if (instance.space === space && instance.seen.size > 0) this.campaign.changed.add(instance);
  }

  private isNew(thread: TracedThread, instance: Instance, point: Point): void {
    if (this.off || thread.area === undefined) return;
    const known = this.threads.has(thread.tid);
    this.threads.set(thread.tid, thread);
    if (this.loop === undefined) return;
    const { memory } = thread.process.space;
    // All that is known of the threads is entered into larger tables.
    if (!this.loop.setThread(thread.tid, memory, thread.area + RSEQ_CS_AT)) this.version = -1;
    else if (!known) for (const entry of this.entries) this.enterSeen(entry, thread.tid);
    const entry = this.byInstance.get(instance);
    const row = entry?.points.indexOf(point) ?? -1;
    if (row >= 0) this.loop.setSeen(entry!.first + row, thread.tid);
  }

  private pointOf(site: number): Point | undefined {
    const entry = this.entries.findLast(({ first }) => first <= site);
    return entry?.points[site - entry.first];
  }

  private enterSeen({ points, first }: Entry, tid: number): void {
    for (const [n, point] of points.entries()) if (point.threads.has(tid)) this.loop!.setSeen(first + n, tid);
  }

  /** False: there is nothing for the machine code to do. */
  private prepare(): boolean {
    // Nobody was aborted yet: there is nothing that is not new.
    if (this.off || this.threads.size === 0) return false;
    if (this.version !== this.campaign.version) this.build();
    if (this.loop === undefined) return false;
    for (const instance of this.campaign.changed) {
      const entry = this.byInstance.get(instance);
      if (entry !== undefined) this.enter(entry);
    }
    this.campaign.changed.clear();
    return this.entries.length > 0;
  }

  private build(): void {
    this.version = this.campaign.version;
    this.bare.end();
    this.loop?.close();
    this.loop = undefined;
    this.byInstance.clear();
    this.entries = [];
    let sites = 0;
    let windows = 0;
    for (const instance of this.campaign.all()) {
      const entry = this.entryOf(instance, sites);
      if (entry === undefined) continue;
      this.entries.push(entry);
      this.byInstance.set(instance, entry);
      this.campaign.changed.add(instance);
      sites += entry.breakpoints.length;
      windows += entry.window === undefined ? 0 : WINDOW;
    }
    if (sites === 0) return;
    while (this.room < this.threads.size + 1) this.room = Math.max(64, 2 * this.room);
    const instances = this.entries.length;
    try {
      this.loop = new StopLoop({ threads: this.room, sites, instances, rows: sites, windows, lists: LIST * instances }); // biome-ignore format: a row
    } catch (error) {
      if (!isErrno(error, 'ENOMEM') || !(error instanceof SystemError)) throw error;
      this.off = true;
      return;
    }
    for (const { tid, area, process } of this.threads.values())
      this.loop.setThread(tid, process.space.memory, area! + RSEQ_CS_AT);
    let window = 0;
    for (const entry of this.entries) {
      this.place(entry, window);
      if (entry.window !== undefined) window += WINDOW;
    }
  }

  /** Undefined for a section that is no plain one: it shares addresses with another, or its descriptor is none of a file's. */
  private entryOf(instance: Instance, first: number): Entry | undefined {
    const { space, bias, allowed, target, live } = instance;
    if (!live.descriptor || allowed.length === 0) return undefined;
    const places = [...allowed.map(({ at }) => at + bias), ...target.exits.map((at) => at + bias)];
    const breakpoints: Breakpoint[] = [];
    for (const at of places) {
      const breakpoint = space.known(at);
      if (breakpoint === undefined || this.campaign.ownersOf(space, at).length !== 1) return undefined;
      breakpoints.push(breakpoint);
    }
    const index = this.entries.length;
    const window = windowOf(instance, places, (of, at) => this.campaign.ownersOf(of, at).length > 0);
    return { instance, index, first, points: allowed, breakpoints, window, list: LIST * index }; // biome-ignore format: a row
  }

  /** What does not change of it. */
  private place(entry: Entry, windowStart: number): void {
    const { sites, instances, windows, lists } = this.loop!;
    const { instance, index, first, points, breakpoints, window, list } = entry;
    for (const [n, { at, original }] of breakpoints.entries()) {
      const site = first + n;
      const point = points[n];
      sites.set(site, 'at', at);
      sites.set(site, 'memory', instance.space.memory);
      sites.set(site, 'instance', index);
      sites.set(site, 'row', site);
      sites.set(site, 'original', original);
      sites.set(site, 'descriptor', point === undefined ? 0 : Number(instance.live.descriptor));
      sites.set(site, 'single', point !== undefined && point.instruction.length > 1 ? 0 : 1);
      this.loop!.addPlace(site);
    }
    instances.set(index, 'first', first);
    instances.set(index, 'points', points.length);
    instances.set(index, 'exits', breakpoints.length - points.length);
    if (window !== undefined) {
      windows.bytes.set(window.bytes, windowStart);
      instances.set(index, 'window', windows.at + windowStart);
      instances.set(index, 'window_at', window.at);
    }
    const { mode, double } = this.campaign.options;
    if (mode === 'storm' || double) instances.set(index, 'list', lists.at + 4 * list);
    instances.set(index, 'pairs', double ? 1 : 0);
    for (const tid of this.threads.keys()) this.enterSeen(entry, tid);
  }

  /** What the campaign has made of it. */
  private enter(entry: Entry): void {
    const { sites, instances, windows } = this.loop!;
    const { instance, index, first, points, breakpoints, window } = entry;
    const outlook = this.campaign.outlook(instance);
    const wanted = outlook?.every && new Set(outlook.every);
    const windowAt = instances.get(index, 'window') - windows.at;
    for (const [n, { at, original, planted }] of breakpoints.entries()) {
      sites.set(first + n, 'planted', planted ? 1 : 0);
      const point = points[n];
      sites.set(first + n, 'wanted', point !== undefined && wanted?.has(point) ? 1 : 0);
      if (window !== undefined) windows.bytes[windowAt + at - window.at] = planted ? 0xcc : original;
    }
    instances.set(index, 'leaving', instance.leaving ? 1 : 0);
    instances.set(index, 'half', instance.half ? 1 : 0);
    const rounds =
      outlook?.first === undefined ? (outlook?.rounds ?? 0) : this.fillList(entry, outlook as Listed);
    instances.set(index, 'budget', Math.max(0, rounds));
  }

  /** The points of the next rounds; how many rounds these are. */
  private fillList({ instance, index, list, points }: Entry, { rounds, first, second }: Listed): number {
    const { words } = this.loop!.lists;
    let end = list;
    const put = (point: Point): void => {
      words[end++] = points.indexOf(point);
    };
    if (second !== undefined && !instance.half) put(second(0));
    let n = 0;
    for (; n < rounds && end + 2 <= list + LIST; n++) {
      put(first(n + 1));
      if (second !== undefined) put(second(n + 1));
    }
    this.loop!.instances.set(index, 'next', 0);
    return n;
  }

  /** Enters into the campaign what the machine code has done. */
  private absorb(): void {
    const { sites, instances, lastSite } = this.loop!;
    for (const entry of this.entries) {
      const { instance, index, first, points, breakpoints } = entry;
      if (instances.get(index, 'touched') === 0) continue;
      instances.set(index, 'touched', 0);
      let aborts = 0;
      for (const [n, breakpoint] of breakpoints.entries()) {
        const site = first + n;
        breakpoint.planted = sites.get(site, 'planted') === 1;
        const point = points[n];
        if (point === undefined) continue;
        const count = sites.get(site, 'count');
        sites.set(site, 'count', 0);
        point.forced += count;
        aborts += count;
        if (breakpoint.planted) instance.round.add(point);
        else instance.round.delete(point);
        if (site === lastSite && count > 0) this.campaign.last = point.id;
      }
      instance.leaving = instances.get(index, 'leaving') === 1;
      instance.half = instances.get(index, 'half') === 1;
      this.campaign.absorb(instance, instances.get(index, 'rounds'), aborts);
      instances.set(index, 'rounds', 0);
    }
  }
}

interface Listed {
  readonly rounds: number;
  readonly first: (n: number) => Point;
  readonly second?: (n: number) => Point;
}

/** From its first address to its last, if that is not far, and nobody else's breakpoints are there. */
function windowOf(
  { space }: Instance,
  places: readonly number[],
  isOwned: (space: Space, at: number) => boolean,
): Entry['window'] {
  const at = Math.min(...places);
  const size = Math.max(...places) + 1 - at;
  if (size > WINDOW) return undefined;
  const own = new Set(places);
  for (let other = at; other < at + size; other++)
    if (!own.has(other) && (space.breakpoints.has(other) || isOwned(space, other))) return undefined;
  const bytes = space.read(at, size);
  return bytes && { at, bytes };
}
