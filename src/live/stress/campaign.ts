/**
 * Where breakpoints stand at each moment. A stop inside a section aborts it on resume, so a breakpoint is taken away where it was hit before the thread
 * goes on: else its next attempt would end there too, for ever. New ones are planted when a thread has left the section unaborted (an `exit` was
 * reached, or time went by): so every round lets somebody through.
 */
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import { oneOf, type RandomWords, randomWords } from '../../kernel/random.js';
import * as ptrace from '../../linux/ptrace.js';
import type { Cause } from '../../report/stress-document.js';
import type { Space } from '../keeper/space.js';
import type { TracedThread } from '../keeper/tracer.js';
import type { LiveSection } from '../modules.js';
import type { Point, Target } from './sections.js';

export interface CampaignOptions {
  readonly mode: 'sweep' | 'storm';
  /** Abort the retry too. */
  readonly double: boolean;
  readonly cause: Cause;
  readonly rounds: number;
  readonly seed: number;
  /** Only these points, by id. */
  readonly only?: readonly string[];
}

/** A section where it is mapped. */
interface Instance {
  readonly target: Target;
  readonly live: LiveSection;
  readonly space: Space;
  /** Run-time address less the file's. */
  readonly bias: number;
  readonly allowed: readonly Point[];
  /** Points planted in this round. */
  round: Set<Point>;
  rounds: number;
  /** Exits are planted. */
  leaving: boolean;
  /** Of `double`: which pair, and whether its first half was hit. */
  pair: number;
  half: boolean;
  done: boolean;
  readonly seen: Set<number>;
  /** Rounds in a row that met nobody new. */
  vain: number;
  /** Until the next tick. */
  resting: boolean;
  /** Ticks since something happened in this round. */
  quiet: number;
}

type Owner = { readonly instance: Instance; readonly point: Point | undefined };

/** Rounds in a row in which only threads were met that have been aborted everywhere: from then on one round a tick is enough, and some more are. */
const GAP_ROUND = 1;
const MANY_VAIN = 64;
const TOO_MANY_VAIN = MANY_VAIN + 50;
/** Ticks after which a round is over where nobody was seen to leave. */
const PATIENCE = 3;

/** Byte offset of the field in struct rseq. */
export const RSEQ_CS_AT = offsetOf(RSEQ, 'rseq_cs');

export class Campaign {
  private readonly instances = new Map<Space, Instance[]>();
  private readonly owners = new Map<Space, Map<number, Owner[]>>();
  private readonly random: RandomWords;
  private readonly only: ReadonlySet<string> | undefined;
  private ended = false;
  aborts = 0;
  /** The last one, by id: where a program dies of it, the likeliest reason. */
  last: string | undefined;
  /** Sections whose code could not be written to. */
  readonly unwritable = new Set<Target>();

  constructor(
    private readonly options: CampaignOptions,
    private readonly threadsWith: (space: Space) => Iterable<number>,
  ) {
    this.random = randomWords(options.seed);
    this.only = options.only && new Set(options.only);
  }

  /** A section that is mapped in this memory; nothing where it is known already. */
  add(space: Space, live: LiveSection, target: Target): void {
    const list = this.instances.get(space) ?? [];
    this.instances.set(space, list);
    const bias = Number(live.module.bias);
    if (list.some((each) => each.target === target && each.bias === bias)) return;
    const allowed = this.filter(target.points);
    const instance: Instance = {
      ...{ target, live, space, bias, allowed, round: new Set(), rounds: 0, leaving: false, pair: 0 },
      ...{
        half: false,
        done: allowed.length + this.filter(target.gaps).length === 0,
        seen: new Set(),
        vain: 0,
        resting: false,
        quiet: 0,
      },
    };
    list.push(instance);
    for (const point of [...target.points, ...target.gaps])
      this.own(space, point.at + bias, { instance, point });
    for (const exit of target.exits) this.own(space, exit + bias, { instance, point: undefined });
    this.begin(instance);
  }

  /** Memory that is gone, or modules that are. */
  drop(space: Space, stays: (live: LiveSection) => boolean = () => false): void {
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

  /** The points at an address of this memory. */
  pointsAt(space: Space, at: number): readonly Point[] {
    return (this.owners.get(space)?.get(at) ?? []).flatMap(({ point }) => point ?? []);
  }

  knows(space: Space): boolean {
    return this.instances.has(space);
  }

  /** No more aborts. */
  end(): void {
    this.ended = true;
    for (const instance of this.all()) this.clear(instance);
  }

  /** Every point is forced, and nothing more is to be tried. */
  get isDone(): boolean {
    return [...this.all()].every(({ done }) => done);
  }

  /** A thread stands at one of our breakpoints. True where it was aborted: the stop is a context switch. */
  hit(thread: TracedThread, at: number): boolean {
    const { space } = thread.process;
    const owners = this.owners.get(space)?.get(at) ?? [];
    space.remove(at, true);
    let aborted = false;
    const points = owners.filter(({ point }) => point !== undefined);
    if (points.length > 0) {
      const armed = this.armedSection(thread, at, points);
      for (const { instance, point } of points) {
        if (instance.target.gaps.includes(point!)) {
          this.hitGap(instance, point!);
          continue;
        }
        if (armed !== undefined && armed !== instance) continue;
        aborted ||= armed === instance;
        this.hitPoint(instance, point!, thread, armed === instance);
      }
    }
    for (const { instance, point } of owners)
      if (point === undefined && instance.leaving) this.left(instance);
    return aborted;
  }

  /** A thread has come: rounds go on for it. */
  newThread(space: Space): void {
    if (this.options.mode === 'storm' || this.options.double || this.ended) return;
    for (const instance of this.instances.get(space) ?? []) {
      if (!instance.done || instance.allowed.length === 0) continue;
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

  private *all(): Generator<Instance> {
    for (const list of this.instances.values()) yield* list;
  }

  private own(space: Space, at: number, owner: Owner): void {
    const all = this.owners.get(space) ?? new Map<number, Owner[]>();
    this.owners.set(space, all);
    const list = all.get(at);
    if (list === undefined) all.set(at, [owner]);
    else list.push(owner);
  }

  /** The instance that rseq_cs of a thread names; undefined: none that it is in. */
  private armedSection(thread: TracedThread, at: number, owners: readonly Owner[]): Instance | undefined {
    const fresh = thread.area === undefined;
    const descriptor = this.descriptorOf(thread);
    const own = owners.find(({ instance }) => instance.live.descriptor === descriptor && descriptor !== 0n);
    if (own !== undefined) return own.instance;
    if (!fresh) {
      // Perhaps it has registered another area meanwhile.
      thread.area = undefined;
      return this.armedSection(thread, at, owners);
    }
    if (descriptor === 0n) return undefined;
    // One that was built on the stack, or a second one of the same code.
    const bytes = thread.process.space.read(Number(descriptor), RSEQ_CS.size);
    if (bytes === undefined) return undefined;
    const { start_ip, post_commit_offset } = RSEQ_CS.read(bytes);
    if (BigInt.asUintN(64, BigInt(at) - start_ip) >= post_commit_offset) return undefined;
    return (owners.find(({ instance }) => instance.live.start === start_ip) ?? owners[0]!).instance;
  }

  private descriptorOf(thread: TracedThread): bigint {
    if (thread.area === undefined) {
      try {
        thread.area = Number(ptrace.rseqConfiguration(thread.tid)?.address ?? 0n);
      } catch {
        return 0n;
      }
    }
    return thread.area === 0 ? 0n : (thread.process.space.word(thread.area + RSEQ_CS_AT) ?? 0n);
  }

  private hitPoint(instance: Instance, point: Point, thread: TracedThread, armed: boolean): void {
    instance.quiet = 0;
    if (!armed) {
      point.unprotected++;
      instance.round.delete(point);
      return;
    }
    this.aborts++;
    this.last = point.id;
    point.forced++;
    const fresh = !point.threads.has(thread.tid);
    point.threads.add(thread.tid);
    instance.seen.add(thread.tid);
    if (fresh) instance.vain = 0;
    if (!instance.round.delete(point)) return;
    const { mode, double } = this.options;
    if (double && !instance.half) {
      instance.half = true;
      const second =
        mode === 'storm' ? this.any(instance) : instance.allowed[instance.pair % instance.allowed.length]!;
      instance.round.add(second);
      this.plant(instance, second.at);
    }
    if (instance.leaving) return;
    if (!this.wantsMore(instance)) {
      instance.done = instance.round.size === 0;
      return;
    }
    instance.leaving = true;
    for (const exit of instance.target.exits) this.plant(instance, exit);
  }

  /** The stop has disarmed the section: what it comes to next tells. */
  private hitGap(instance: Instance, point: Point): void {
    point.forced++;
    this.last = point.id;
    instance.quiet = 0;
    instance.round.delete(point);
  }

  private plant(instance: Instance, at: number): void {
    if (!instance.space.plant(at + instance.bias)) this.unwritable.add(instance.target);
  }

  /** Somebody has left the section unaborted: the next round. */
  private left(instance: Instance): void {
    instance.rounds++;
    instance.vain++;
    if (this.options.double && this.options.mode === 'sweep') instance.pair++;
    this.clear(instance, this.keepsRound(instance));
    const { mode, double, rounds } = this.options;
    instance.resting = instance.vain >= MANY_VAIN && instance.rounds >= rounds && mode === 'sweep' && !double;
    this.begin(instance);
  }

  /** Points that nobody has come to yet stay planted: they cost nothing. */
  private keepsRound({ round }: Instance): ReadonlySet<Point> | undefined {
    return this.options.mode === 'sweep' && !this.options.double ? round : undefined;
  }

  private clear(instance: Instance, keep: ReadonlySet<Point> = new Set()): void {
    const { target, space, bias } = instance;
    if (instance.leaving) for (const exit of target.exits) space.remove(exit + bias);
    for (const point of instance.round) if (!keep.has(point)) space.remove(point.at + bias);
    instance.round = new Set(keep);
    instance.leaving = false;
    instance.half = false;
    instance.quiet = 0;
  }

  private begin(instance: Instance): void {
    if (this.ended || instance.done || instance.resting) return;
    const next = this.next(instance);
    if (next.length === 0) instance.done = true;
    for (const point of next) {
      if (instance.round.has(point)) continue;
      instance.round.add(point);
      this.plant(instance, point.at);
    }
  }

  private next(instance: Instance): readonly Point[] {
    const { mode, double, rounds } = this.options;
    const { allowed } = instance;
    if (mode === 'storm') return [this.any(instance)];
    if (double) {
      // Each pair `rounds` times.
      return instance.pair >= allowed.length ** 2 * rounds
        ? []
        : [allowed[Math.floor(instance.pair / allowed.length) % allowed.length]!];
    }
    // One round is enough to see what a gap does.
    if (instance.rounds === GAP_ROUND) return [...allowed, ...this.filter(instance.target.gaps)];
    if (instance.rounds < rounds) return allowed;
    const threads = this.alive(instance);
    const missing = allowed.filter((point) =>
      threads.some((tid) => instance.seen.has(tid) && !point.threads.has(tid)),
    );
    if (instance.vain >= TOO_MANY_VAIN) return [];
    if (missing.length > 0) return missing;
    return threads.every((tid) => instance.seen.has(tid)) ? [] : allowed.slice(0, 1);
  }

  private filter(points: readonly Point[]): readonly Point[] {
    return this.only === undefined ? points : points.filter(({ id }) => this.only!.has(id));
  }

  private any({ allowed }: Instance): Point {
    return oneOf(this.random, allowed);
  }

  private wantsMore(instance: Instance): boolean {
    const { mode, double, rounds } = this.options;
    return mode === 'storm' || double || instance.rounds + 1 < rounds || this.alive(instance).length > 1;
  }

  private alive({ space }: Instance): number[] {
    return [...this.threadsWith(space)];
  }
}
