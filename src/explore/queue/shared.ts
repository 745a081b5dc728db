import type { Range } from '../context.js';
import type { Engine, RoundEnd } from '../engine.js';
import type { Facts } from '../semantics/facts.js';
import type { Sharing } from '../sharing.js';
import type { Board } from './board.js';
import { type Answer, answerOf, pieceBytes } from './wire.js';

/** Milliseconds between two looks of the search at its bounds. */
const SLICE = 100;
/** Pieces that a worker has or finds when it is done with one. */
const AHEAD = 3;
/** Of those the ones that it has begun with, at most. */
const BEGUN = 2;
/**
 * Where nothing is left to do, a piece that others have begun with is waited for so many times as long as it would take here, or as pieces have taken,
 * on the way there and back, and so many milliseconds at least, or at most; then it is done here.
 */
const PATIENCE = { here: 3, usual: 2, least: 20, most: 1000 } as const;
/** States that are worth sending, in parts of a piece: those of a level, and of one piece of it. */
const WORTH = { level: 2, piece: 1 / 8 } as const;

interface Pending {
  readonly ranges: readonly Range[];
  readonly states: number;
  readonly since: number;
}

/**
 * A search some of whose states others expand. The states, and all that decides about the verdict, are here: a worker is sent states, and sends back
 * their successors, without those that it has sent before. What the tables do not say it does not ask, but sends back as well: only here the
 * semantics is asked, and workers ask again the same in the same order, so that numbers of locals and memories mean the same everywhere.
 *
 * That no state is lost: what a worker keeps to itself it has sent in an answer before. Answers of a worker are taken in their order, all of them, also of
 * pieces that were done twice; of a worker of which one is missing none is taken any more. So each state that an answer leaves out was found
 * already, and the successors of a piece's states are all in the table when it is done, whoever did it. Edges and violations count once a piece.
 */
export class Shared implements Sharing {
  private engine: Engine | undefined;
  private generation = 0;
  private told = 0;
  private nextId = 1;
  private free: Range[] = [];
  private rest: readonly Range[] | undefined;
  private readonly others = new Map<number, Pending>();
  /** By worker: the number of its next answer. */
  private readonly sequences = new Map<number, number>();
  /** States that were expanded here, and how many milliseconds that took. */
  private readonly own = { states: 0, milliseconds: 0 };
  /** How long pieces take, on the way there and back, in milliseconds. */
  private usual = 0;
  private deadlock = false;
  private badEnd = false;

  constructor(
    private readonly board: Board,
    private readonly plan: { readonly scenario: string; readonly facts: () => Facts },
    private readonly patience: number = PATIENCE.least,
  ) {}

  get workers(): number {
    return this.board.workers;
  }

  begin(engine: Engine): void {
    this.engine = engine;
    const { scenario, facts } = this.plan;
    this.generation = this.board.begin({ scenario, facts: facts(), settings: engine.settings });
  }

  async round(pending: readonly Range[], cost: 0 | 1): Promise<RoundEnd> {
    const engine = this.engine!;
    const { board, others } = this;
    if (pending !== this.rest) {
      if (others.size > 0) throw new Error('pieces of another level are still under way');
      this.free = [...pending];
    }
    this.deadlock = this.badEnd = false;
    const isWorth = others.size > 0 || engine.count(this.free) >= board.pieceStates * WORTH.level;
    const until = Date.now() + SLICE;
    do {
      for (const bytes of board.take()) this.merge(bytes, cost);
      if (isWorth) this.handOut(cost);
      if (this.free.length > 0) {
        const isAlone = others.size === 0 && (board.workers === 0 || !isWorth);
        this.here(this.cut(isAlone ? Infinity : (board.pieceStates / 2) * engine.jobs), cost);
        if (others.size > 0) await board.wait(0);
      } else if (others.size > 0) await this.awaitOthers(cost);
      // Nobody else has any: the search may look at its bounds first.
      else break;
    } while (Date.now() < until);
    this.rest = [...this.free, ...[...others.values()].flatMap(({ ranges }) => ranges)];
    return { rest: this.rest as Range[], deadlock: this.deadlock, badEnd: this.badEnd };
  }

  /** Pieces for the others: as many as they can do with while something is left to be done here. */
  private handOut(cost: 0 | 1): void {
    const engine = this.engine!;
    const { board, others } = this;
    const { workers } = board;
    while (others.size < workers * AHEAD) {
      const left = engine.count(this.free);
      const fair = Math.floor(left / (workers * 2 + 1));
      if (fair < board.pieceStates * WORTH.piece) return;
      const states = Math.min(board.pieceStates, fair);
      const ranges = this.cut(states);
      const { log } = engine.stepper;
      if (log.length > this.told) board.asked(Int32Array.from(log.slice(this.told)));
      this.told = log.length;
      const id = this.nextId++;
      others.set(id, { ranges, states, since: Date.now() });
      const { digest } = engine.graph;
      board.put(
        id,
        pieceBytes({
          generation: this.generation,
          id,
          cost,
          asked: this.told,
          digest,
          states: engine.words(ranges),
        }),
      );
    }
  }

  /** The first states of what nobody is at, so many at most. */
  private cut(states: number): Range[] {
    const { record } = this.engine!.shape;
    const ranges: Range[] = [];
    let room = Math.max(1, Math.floor(states));
    while (room > 0 && this.free.length > 0) {
      const { from, to } = this.free[0]!;
      const end = Math.min(to, from + room * record);
      ranges.push({ from, to: end });
      room -= (end - from) / record;
      if (end === to) this.free.shift();
      else this.free[0] = { from: end, to };
    }
    return ranges;
  }

  /** Expands states here. */
  private here(ranges: readonly Range[], cost: 0 | 1): void {
    const engine = this.engine!;
    const began = Date.now();
    const { rest, deadlock, badEnd } = engine.round(ranges, cost);
    this.own.milliseconds += Date.now() - began;
    this.own.states += engine.count(ranges) - engine.count(rest);
    this.free.unshift(...rest);
    this.deadlock ||= deadlock;
    this.badEnd ||= badEnd;
  }

  /** Nothing is left to be done but what others are at. */
  private async awaitOthers(cost: 0 | 1): Promise<void> {
    const { board, others } = this;
    const ids = [...others.keys()];
    // The last ones lie where they were put.
    if (ids.length > board.workers * BEGUN) {
      this.takeBack(ids.at(-1)!, cost);
      return;
    }
    const { since, states } = others.get(ids[0]!)!;
    const here = (states * this.own.milliseconds) / Math.max(1, this.own.states);
    const long = Math.max(this.patience + here * PATIENCE.here, this.usual * PATIENCE.usual);
    const left = since + Math.min(long, PATIENCE.most) - Date.now();
    if (left > 0) await board.wait(Math.min(left, SLICE));
    else this.takeBack(ids[0]!, cost);
  }

  private takeBack(id: number, cost: 0 | 1): void {
    const { ranges } = this.others.get(id)!;
    this.others.delete(id);
    this.board.withdraw(id);
    this.here(ranges, cost);
  }

  private merge(bytes: Uint8Array, cost: 0 | 1): void {
    const engine = this.engine!;
    let answer: Answer;
    try {
      answer = answerOf(bytes);
    } catch {
      return;
    }
    const { generation, id, worker, sequence, states } = answer;
    if (generation !== this.generation) return;
    const next = this.sequences.get(worker) ?? 0;
    if (sequence > next) this.sequences.set(worker, Infinity);
    if (sequence !== next) return;
    this.sequences.set(worker, next + 1);
    engine.addWords(states);
    const piece = this.others.get(id);
    if (piece === undefined) return;
    this.others.delete(id);
    this.usual = (this.usual * 7 + Date.now() - piece.since) / 8;
    engine.alsoCount(answer.transitions, answer.violations);
    const { deadlock, badEnd } = engine.settleAll(this.missesHere(answer, piece.ranges), cost);
    this.deadlock ||= deadlock;
    this.badEnd ||= badEnd;
  }

  /** A worker knows states by their number in the piece. */
  private missesHere({ misses }: Answer, ranges: readonly Range[]): number[] {
    if (misses.length === 0) return misses;
    const addresses = [...this.engine!.addresses(ranges)];
    return misses.map((word, at) => (at % 3 === 0 ? addresses[word]! : word));
  }
}
