/** What is planted in which round: decided from what was done, without touching anything. */
import { oneOf, type RandomWords, randomWords } from '../../kernel/random.js';
import type { Space } from '../keeper/space.js';
import type { CampaignOptions, Instance } from './instance.js';
import type { Point } from './sections.js';

/** One round is enough to see what a gap does. */
const GAP_ROUND = 1;
/** Rounds in a row in which only threads were met that have been aborted everywhere: from then on one round a tick is enough, and some more are. */
const MANY_VAIN = 64;
const TOO_MANY_VAIN = MANY_VAIN + 50;

/** The rounds to come. */
export interface Outlook {
  /** So many more can be begun. */
  readonly rounds: number;
  /** Points that are planted in each; or one, of the n-th from now. */
  readonly every?: readonly Point[];
  readonly first?: (n: number) => Point;
  /** ... and a second one when the first was hit. */
  readonly second?: (n: number) => Point;
}

const firstOf = ({ allowed }: Instance, pair: number): Point =>
  allowed[Math.floor(pair / allowed.length) % allowed.length]!;

export class Plan {
  private readonly random: RandomWords;
  private readonly only: ReadonlySet<string> | undefined;

  constructor(
    private readonly options: CampaignOptions,
    private readonly threadsWith: (space: Space) => Iterable<number>,
  ) {
    this.random = randomWords(options.seed);
    this.only = options.only && new Set(options.only);
  }

  /** Points that may be aborted at. */
  filter(points: readonly Point[]): readonly Point[] {
    return this.only === undefined ? points : points.filter(({ id }) => this.only!.has(id));
  }

  /** The points to plant in a round. */
  next(instance: Instance, round: number): readonly Point[] {
    const { mode, double, rounds } = this.options;
    const { allowed } = instance;
    const gaps = this.filter(instance.target.gaps);
    if (allowed.length === 0) return round < rounds ? gaps : [];
    if (mode === 'storm') return [this.any(instance)];
    // Each pair `rounds` times.
    if (double)
      return instance.pair >= allowed.length ** 2 * rounds ? [] : [firstOf(instance, instance.pair)];
    if (round === GAP_ROUND) return [...allowed, ...gaps];
    if (round < rounds) return allowed;
    const threads = this.alive(instance);
    const missing = allowed.filter((point) =>
      threads.some((tid) => instance.seen.has(tid) && !point.threads.has(tid)),
    );
    if (instance.vain >= TOO_MANY_VAIN) return [];
    if (missing.length > 0) return missing;
    return threads.every((tid) => instance.seen.has(tid)) ? [] : allowed.slice(0, 1);
  }

  /** What comes next in an instance as long as nothing new happens. undefined: that is decided each time. */
  outlook(instance: Instance): Outlook | undefined {
    const { mode, double, rounds, cause } = this.options;
    const { allowed, pair } = instance;
    if (cause !== 'ptrace' || instance.done || instance.resting || allowed.length === 0) return undefined;
    if (mode === 'storm' || double) {
      const left = mode === 'storm' ? Number.POSITIVE_INFINITY : allowed.length ** 2 * rounds - 1 - pair;
      const after = (n: number): Point => (mode === 'storm' ? this.any(instance) : firstOf(instance, pair + n)); // biome-ignore format: one step
      return { rounds: left, first: after, ...(double && { second: (n) => this.secondOf(instance, pair + n) }) }; // biome-ignore format: a row
    }
    if (instance.rounds < GAP_ROUND) return undefined;
    if (instance.rounds + 1 < rounds) return { rounds: rounds - 1 - instance.rounds, every: allowed };
    if (this.alive(instance).length < 2) return undefined;
    return { rounds: MANY_VAIN - 1 - instance.vain, every: this.next(instance, instance.rounds + 1) };
  }

  /** The points of a round that debug registers are to do. */
  pointsOf(instance: Instance, round: number): readonly Point[] {
    const { mode, double } = this.options;
    const { allowed } = instance;
    const gaps = this.filter(instance.target.gaps);
    if (allowed.length === 0) return gaps;
    if (double) return [mode === 'storm' ? this.any(instance) : firstOf(instance, round), this.secondOf(instance, round)]; // biome-ignore format: one step
    if (mode === 'storm') return [this.any(instance)];
    return round === GAP_ROUND ? [...gaps, ...allowed] : allowed;
  }

  /** Behind the first abort of a round: exits are waited for, and another round begun. */
  wantsMore(instance: Instance): boolean {
    const { mode, double, rounds } = this.options;
    return mode === 'storm' || double || instance.rounds + 1 < rounds || this.alive(instance).length > 1;
  }

  /** After so many rounds in vain one a tick will do. */
  rests({ vain, rounds: done }: Instance): boolean {
    const { mode, double, rounds } = this.options;
    return vain >= MANY_VAIN && done >= rounds && mode === 'sweep' && !double;
  }

  /** The second point of a pair. */
  secondOf(instance: Instance, pair: number): Point {
    const { allowed } = instance;
    return this.options.mode === 'storm' ? this.any(instance) : allowed[pair % allowed.length]!;
  }

  private any({ allowed }: Instance): Point {
    return oneOf(this.random, allowed);
  }

  private alive({ space }: Instance): number[] {
    return [...this.threadsWith(space)];
  }
}
