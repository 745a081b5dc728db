import type { Board, Plan } from '../../../src/explore/queue/board.js';
import { Hand } from '../../../src/explore/queue/hand.js';
import { answerBytes, pieceOf } from '../../../src/explore/queue/wire.js';
import type { Semantics } from '../../../src/explore/semantics.js';
import { exploreHost } from '../../../src/node/explore-host.js';

interface Worker {
  readonly number: number;
  readonly hand: Hand;
  /** Answers on their way, in order. */
  readonly sent: Uint8Array[];
}

/** What happens to pieces and answers, so many times of a hundred. */
export interface Carelessness {
  /** A worker dies, with all that it has not sent; another one comes. */
  readonly dies: number;
  /** An answer is lost. */
  readonly loses: number;
  /** A piece is done by two. */
  readonly doubles: number;
  /** A worker is out of memory. */
  readonly forgets: number;
}

/** Workers in this process, to whom everything happens that happens to processes: in an order that depends on `pick` alone. */
export class CarelessBoard implements Board {
  readonly pieceStates = 16;
  /** How often something went wrong. */
  readonly happened = { answered: 0, dies: 0, loses: 0, doubles: 0, forgets: 0 };
  private generation = 0;
  plan: Omit<Plan, 'generation'> | undefined;
  private log: number[] = [];
  private team: Worker[] = [];
  private come = 0;
  private readonly waiting = new Map<number, Uint8Array>();
  private readonly arrived: Uint8Array[] = [];

  constructor(
    private readonly semantics: () => Semantics,
    private readonly pick: (below: number) => number,
    private readonly care: Carelessness,
  ) {}

  get workers(): number {
    return this.team.length;
  }
  begin(plan: Omit<Plan, 'generation'>): number {
    this.plan = plan;
    this.log = [];
    this.waiting.clear();
    this.team = [];
    for (let each = 0; each < 2; each++) this.join();
    return ++this.generation;
  }
  asked(words: Int32Array): void {
    for (const word of words) this.log.push(word);
  }
  put(id: number, piece: Uint8Array): void {
    this.waiting.set(id, piece);
  }
  withdraw(id: number): void {
    this.waiting.delete(id);
  }
  take(): readonly Uint8Array[] {
    return this.arrived.splice(0);
  }
  async wait(): Promise<void> {
    for (let times = this.pick(4); times >= 0; times--) await this.something();
  }

  private join(): void {
    const number = ++this.come;
    const options = { jobs: 1, maxMemory: 2 ** 30, host: exploreHost };
    this.team.push({
      number,
      hand: new Hand(this.semantics(), this.plan!.settings, number, options),
      sent: [],
    });
  }
  private happens(what: keyof Carelessness): boolean {
    const does = this.pick(100) < this.care[what];
    if (does) this.happened[what]++;
    return does;
  }

  private async something(): Promise<void> {
    const at = this.pick(this.team.length);
    const worker = this.team[at]!;
    if (this.happens('dies')) {
      worker.hand.close();
      this.team.splice(at, 1);
      this.join();
      return;
    }
    if (worker.sent.length > 0 && this.pick(2) === 0) {
      const answer = worker.sent.shift()!;
      this.happened.answered++;
      if (!this.happens('loses')) this.arrived.push(answer);
      return;
    }
    const ids = [...this.waiting.keys()];
    if (ids.length === 0) return;
    const id = ids[this.pick(ids.length)]!;
    const piece = pieceOf(this.waiting.get(id)!);
    if (!this.happens('doubles')) this.waiting.delete(id);
    const { hand, sent } = worker;
    if (this.happens('forgets')) hand.forget();
    if (hand.known <= piece.asked)
      await hand.follow(Int32Array.from(this.log.slice(hand.known, piece.asked)), piece.digest);
    sent.push(answerBytes(hand.expand(piece)));
  }
}
