/**
 * Where breakpoints stand at each moment. A stop inside a section aborts it on resume, so a breakpoint is taken away where it was hit before the thread
 * goes on: else its next attempt would end there too, for ever. New ones are planted when a thread has left the section unaborted (an `exit` was
 * reached, or time went by): so every round lets somebody through.
 */
import type { Space } from '../keeper/space.js';
import type { TracedThread } from '../keeper/traced.js';
import type { LiveSection } from '../modules.js';
import { armedInstance } from './armed-instance.js';
import type { CampaignOptions, Instance, Owner } from './instance.js';
import { type Outlook, Plan } from './plan.js';
import type { Point, Target } from './sections.js';
import { Witnesses } from './witnesses.js';

/** Ticks after which a round is over where nobody was seen to leave. */
const PATIENCE = 3;

export class Campaign {
  private readonly instances = new Map<Space, Instance[]>();
  private readonly owners = new Map<Space, Map<number, Owner[]>>();
  readonly plan: Plan;
  private ended = false;
  aborts = 0;
  /** The last one, by id: where a program dies of it, the likeliest reason. */
  last: string | undefined;
  /** How often a thread was unprotected, by the point where it was stopped before (''), if it was. */
  readonly unprotectedAfter = new Map<string, number>();
  /** Threads that came to sections without a struct rseq: nothing aborts them. */
  readonly unregistered = new Set<number>();
  /** The point where each thread was stopped last, in the section that it has not left since. */
  private readonly stops = new Map<number, Point>();
  private readonly witnesses = new Witnesses();
  /** Who forces aborts without writing into code. */
  hardware: { add(instance: Instance): void } | undefined;
  /** Counts up when there are other sections, or the same ones elsewhere. */
  version = 0;
  /** What has changed since somebody emptied it. */
  readonly changed = new Set<Instance>();
  /** A thread was aborted at a point for the first time. */
  onNew: ((thread: TracedThread, instance: Instance, point: Point) => void) | undefined;

  constructor(
    readonly options: CampaignOptions,
    threadsWith: (space: Space) => Iterable<number>,
  ) {
    this.plan = new Plan(options, threadsWith);
  }

  /** A section that is mapped in this memory; nothing where it is known already. */
  add(space: Space, live: LiveSection, target: Target): void {
    const list = this.instances.get(space) ?? [];
    this.instances.set(space, list);
    const bias = Number(live.module.bias);
    if (list.some((each) => each.target === target && each.bias === bias)) return;
    const allowed = this.plan.filter(target.points);
    const instance: Instance = {
      ...{ target, live, space, bias, allowed, round: new Set(), rounds: 0, leaving: false, pair: 0 },
      ...{
        half: false,
        done: allowed.length + this.plan.filter(target.gaps).length === 0,
        seen: new Set(),
        vain: 0,
        resting: false,
        quiet: 0,
        byHardware: false,
      },
    };
    list.push(instance);
    this.version++;
    for (const point of [...target.points, ...target.gaps])
      this.own(space, point.at + bias, { instance, point });
    for (const exit of target.exits) this.own(space, exit + bias, { instance, point: undefined });
    if (this.options.hardware) this.leaveToHardware(instance);
    else this.begin(instance);
  }

  /** Memory that is gone, or modules that are. */
  drop(space: Space, stays: (live: LiveSection) => boolean = () => false): void {
    this.version++;
    const list = (this.instances.get(space) ?? []).filter((instance) => stays(instance.live));
    if (list.length > 0) {
      this.instances.set(space, list);
      const owners = this.owners.get(space);
      for (const [at, all] of owners ?? [])
        owners!.set(
          at,
          all.filter(({ instance }) => list.includes(instance)),
        );
      return;
    }
    this.instances.delete(space);
    this.owners.delete(space);
  }

  /** Something else may lie where breakpoints were: those that are gone come back. */
  renew(space: Space): void {
    this.version++;
    for (const instance of this.instances.get(space) ?? []) {
      for (const { at } of instance.round) this.plant(instance, at);
      if (instance.leaving) for (const exit of instance.target.exits) this.plant(instance, exit);
      this.changed.add(instance);
    }
  }

  /** The points at an address of this memory. */
  pointsAt(space: Space, at: number): readonly Point[] {
    return this.ownersOf(space, at).flatMap(({ point }) => point ?? []);
  }

  /** Whose an address of this memory is. */
  ownersOf(space: Space, at: number): readonly Owner[] {
    return this.owners.get(space)?.get(at) ?? [];
  }

  knows(space: Space): boolean {
    return this.instances.has(space);
  }

  /** No more aborts. */
  end(): void {
    this.ended = true;
    for (const instance of this.all()) this.clear(instance);
    this.witnesses.end();
  }

  /** Every point is forced, and nothing more is to be tried. */
  get isDone(): boolean {
    return [...this.all()].every(({ done }) => done);
  }

  /** A thread stands at one of our breakpoints. True where it was aborted: the stop is a context switch. */
  hit(thread: TracedThread, at: number): boolean {
    const { space } = thread.process;
    const owners = this.ownersOf(space, at);
    for (const { instance } of owners) this.changed.add(instance);
    space.remove(at, true);
    let aborted = false;
    const points = owners.filter(({ point }) => point !== undefined);
    if (points.length > 0) {
      const armed = armedInstance(thread, at, points);
      for (const { instance, point } of points) {
        if (instance.target.gaps.includes(point!)) {
          this.hitGap(instance, point!, thread);
          continue;
        }
        if (armed !== undefined && armed !== instance) continue;
        aborted ||= armed === instance;
        this.hitPoint(instance, point!, thread, armed === instance);
      }
    }
    for (const { instance, point } of owners) {
      if (point !== undefined) continue;
      this.stops.delete(thread.tid);
      if (instance.leaving) this.left(instance);
    }
    return aborted;
  }

  /** A thread has come: rounds go on for it. */
  newThread(space: Space): void {
    if (this.options.mode === 'storm' || this.options.double || this.ended) return;
    for (const instance of this.instances.get(space) ?? []) {
      if (!instance.done || instance.byHardware || instance.allowed.length === 0) continue;
      instance.done = false;
      instance.vain = 0;
      instance.resting = false;
      this.begin(instance);
    }
  }

  tick(): void {
    if (this.ended) return;
    for (const instance of this.all()) {
      if (instance.resting) {
        instance.resting = false;
        this.begin(instance);
        continue;
      }
      if (instance.done || ++instance.quiet < PATIENCE) continue;
      // Nobody was seen to leave; or, of a random point, nobody came.
      const { leaving, round } = instance;
      if (leaving || round.size === 0 || this.options.mode === 'storm' || this.options.double)
        this.left(instance);
    }
  }

  *all(): Generator<Instance> {
    for (const list of this.instances.values()) yield* list;
  }

  private own(space: Space, at: number, owner: Owner): void {
    const all = this.owners.get(space) ?? new Map<number, Owner[]>();
    this.owners.set(space, all);
    const list = all.get(at);
    if (list === undefined) all.set(at, [owner]);
    else list.push(owner);
  }

  private hitPoint(instance: Instance, point: Point, thread: TracedThread, armed: boolean): void {
    instance.quiet = 0;
    const seen = this.witnesses.sees(instance, thread.tid);
    if (!armed) {
      this.isUnprotected(point, thread);
      instance.round.delete(point);
      return;
    }
    // A witness that was not called for is one abort more.
    if (seen || !instance.allowed.includes(point)) {
      this.aborts++;
      this.stops.delete(thread.tid);
      return;
    }
    this.record(instance, point, thread);
    if (this.options.witness) this.witnesses.await(instance, thread.tid);
    if (!instance.round.delete(point)) return;
    if (this.options.double && !instance.half) {
      instance.half = true;
      const second = this.plan.secondOf(instance, instance.pair);
      instance.round.add(second);
      this.plant(instance, second.at);
    }
    if (instance.leaving) return;
    if (!this.plan.wantsMore(instance)) {
      instance.done = instance.round.size === 0;
      return;
    }
    this.awaitLeaving(instance);
  }

  private awaitLeaving(instance: Instance): void {
    if (instance.leaving) return;
    instance.leaving = true;
    for (const exit of instance.target.exits) this.plant(instance, exit);
  }

  /** For debug registers: a thread stands at a point. True where that aborts it. */
  count(thread: TracedThread, instance: Instance, point: Point): boolean {
    if (instance.target.gaps.includes(point)) {
      this.hitGap(instance, point, thread);
      return false;
    }
    const armed = armedInstance(thread, point.at + instance.bias, [{ instance, point }]) === instance;
    if (armed) this.record(instance, point, thread);
    else this.isUnprotected(point, thread);
    return armed;
  }

  /** rseq_cs does not name the section that the thread is in: since it was stopped there, or for another reason. */
  private isUnprotected(point: Point, { tid, area }: TracedThread): void {
    if (area === 0) {
      this.unregistered.add(tid);
      // Code that compares the number of its CPU leaves the section there: in such a thread it is no CPU's.
      if (!point.stores) return;
    }
    point.unprotected++;
    const cause = this.stops.get(tid)?.id ?? '';
    this.unprotectedAfter.set(cause, (this.unprotectedAfter.get(cause) ?? 0) + 1);
  }

  /** Where a thread was last while we did not look; undefined: it has left the section. */
  came(tid: number, point: Point | undefined): void {
    if (point === undefined) this.stops.delete(tid);
    else this.stops.set(tid, point);
  }

  private record(instance: Instance, point: Point, thread: TracedThread): void {
    this.aborts++;
    this.last = point.id;
    point.forced++;
    this.stops.set(thread.tid, point);
    const fresh = !point.threads.has(thread.tid);
    point.threads.add(thread.tid);
    instance.seen.add(thread.tid);
    if (fresh) {
      instance.vain = 0;
      this.onNew?.(thread, instance, point);
    }
  }

  /** The stop has disarmed the section: what it comes to next tells. */
  private hitGap(instance: Instance, point: Point, thread: TracedThread): void {
    point.forced++;
    this.stops.set(thread.tid, point);
    if (this.options.witness) this.witnesses.await(instance, thread.tid);
    this.last = point.id;
    instance.quiet = 0;
    instance.round.delete(point);
    if (instance.allowed.length === 0) this.awaitLeaving(instance);
  }

  private plant(instance: Instance, at: number): void {
    if (!instance.byHardware && !instance.space.plant(at + instance.bias)) this.leaveToHardware(instance);
  }

  /** Somebody has left the section unaborted: the next round. */
  private left(instance: Instance): void {
    instance.rounds++;
    instance.vain++;
    if (this.options.double && this.options.mode === 'sweep') instance.pair++;
    this.clear(instance, this.keepsRound(instance));
    instance.resting = this.plan.rests(instance);
    this.begin(instance);
  }

  /** Points that nobody has come to yet stay planted: they cost nothing. */
  private keepsRound({ round }: Instance): ReadonlySet<Point> | undefined {
    return this.options.mode === 'sweep' && !this.options.double ? round : undefined;
  }

  /** It has no breakpoints in its code. */
  private leaveToHardware(instance: Instance): void {
    instance.byHardware = true;
    const nothing = instance.done;
    instance.done = true;
    this.clear(instance);
    if (!nothing) this.hardware?.add(instance);
  }

  private clear(instance: Instance, keep: ReadonlySet<Point> = new Set()): void {
    const { target, space, bias } = instance;
    this.changed.add(instance);
    if (instance.leaving) for (const exit of target.exits) space.remove(exit + bias);
    for (const point of instance.round) if (!keep.has(point)) space.remove(point.at + bias);
    instance.round = new Set(keep);
    instance.leaving = false;
    instance.half = false;
    instance.quiet = 0;
  }

  private begin(instance: Instance): void {
    this.changed.add(instance);
    if (this.ended || instance.done || instance.resting) return;
    const next = this.plan.next(instance, instance.rounds);
    if (next.length === 0) instance.done = true;
    for (const point of next) {
      if (instance.round.has(point)) continue;
      instance.round.add(point);
      this.plant(instance, point.at);
    }
  }

  /** What comes next in an instance as long as nothing new happens. undefined: that is decided each time. */
  outlook(instance: Instance): Outlook | undefined {
    return this.ended ? undefined : this.plan.outlook(instance);
  }

  /** What happened in an instance without us: rounds, and aborts, whose last one was at this point. */
  absorb(instance: Instance, rounds: number, aborts: number): void {
    instance.rounds += rounds;
    instance.vain += rounds;
    if (this.options.double && this.options.mode === 'sweep') instance.pair += rounds;
    instance.quiet = 0;
    this.aborts += aborts;
    this.changed.add(instance);
  }
}
