import type { Redis } from 'ioredis';
import { ExploreError, type ExploreOptions, searchOptionsOf, settingsOf } from '../../explore/options.js';
import { Disagreement, Hand } from '../../explore/queue/hand.js';
import { answerBytes, type Piece, pieceOf } from '../../explore/queue/wire.js';
import { followingSemantics } from '../../explore/scenario.js';
import { OutOfMemory } from '../../explore/store.js';
import { exploreHost } from '../explore-host.js';
import { VERSION } from '../version.js';
import type { RedisAddress } from './address.js';
import { connect, loadPackages, type Packages, whyNot } from './connection.js';
import {
  BEAT,
  bullKeys,
  EXPIRY,
  expiring,
  HEAD_SCHEMA,
  type Head,
  type Keys,
  keysOf,
  PIECES,
  parsed,
  type RunPlan,
  SEARCHES,
} from './names.js';
import { isThere } from './redis-board.js';

export interface WorkOptions {
  readonly address: RedisAddress;
  /** Only the search of this name. */
  readonly name?: string;
  readonly jobs: number;
  /** Bytes that it may take to remember what it has sent. */
  readonly maxMemory: number;
  /** Seconds that a search is waited for. */
  readonly wait: number;
  /** Leaves when it is set, with what it is at done. */
  readonly signal: AbortSignal;
  readonly onJoin: (search: JoinedSearch) => void;
  readonly onProgress: (progress: WorkProgress) => void;
}
export interface JoinedSearch {
  readonly name: string;
  /** Of the object. */
  readonly path: string;
}
export interface WorkProgress {
  readonly name: string;
  readonly pieces: number;
  /** States that were expanded. */
  readonly states: number;
  readonly seconds: number;
}

/** Why a worker's work is at an end. `nothing`: no search came; `idle`: it was told to leave before; `left`: it was told to leave; `gone`: the search's process died, or was ended at once. */
export type WorkEnd = { readonly kind: 'over' | 'nothing' | 'idle' | 'left' | 'gone' } | LostEnd;
interface LostEnd {
  readonly kind: 'lost';
  readonly why: string;
}

/** BullMQ gives a job to another when who has it has not shown for so many milliseconds that it lives; looked at as often. */
const LOCK = 10_000;
const STALLED = 5_000;
/** One is expanded, the next one fetched. */
const AT_ONCE = 2;
/** Beats without the search's connection before it is taken for dead. */
const PATIENCE = 8;

/** Takes part in a search, until that is over. Throws ExploreError. */
export async function work(
  options: WorkOptions,
): Promise<{ readonly end: WorkEnd; readonly done: WorkProgress }> {
  const packages = loadPackages();
  const redis = await connect(packages, options.address);
  const lost = new Promise<LostEnd>((resolve) => {
    redis.once('close', () => resolve({ kind: 'lost', why: 'the connection was closed' }));
  });
  const nothing: WorkProgress = { name: options.name ?? '', pieces: 0, states: 0, seconds: 0 };
  try {
    const found = await Promise.race([find(redis, options), lost]);
    if ('kind' in found) return { end: found, done: nothing };
    const worker = await Member.join(packages, redis, found, options);
    try {
      return { end: await Promise.race([worker.end, lost]), done: worker.progress };
    } finally {
      await worker.leave();
    }
  } finally {
    redis.disconnect();
  }
}

interface Found {
  readonly name: string;
  readonly head: Head;
}

/** Waits for a search. */
async function find(redis: Redis, { name, wait, signal, address }: WorkOptions): Promise<Found | WorkEnd> {
  for (const until = Date.now() + wait * 1000; ; ) {
    if (signal.aborted) return { kind: 'idle' };
    for (const each of name === undefined ? await redis.smembers(SEARCHES) : [name]) {
      const keys = keysOf(each);
      const [alive, text, over] = await redis.mget(keys.alive, keys.head, keys.over);
      const head = parsed<Head>(text);
      if (head === undefined || over || !alive || !(await isThere(redis, alive))) continue;
      if (head.schema === HEAD_SCHEMA && head.version === VERSION) return { name: each, head };
      throw new ExploreError(
        `the search ${each} on ${address.text} is of rseqlab ${head.version}, and this is ${VERSION}; install that version here`,
      );
    }
    if (Date.now() >= until) return { kind: 'nothing' };
    await new Promise((resolve) => setTimeout(resolve, BEAT));
  }
}

/** A worker of one search. */
class Member {
  readonly end: Promise<WorkEnd>;
  private finish!: (end: WorkEnd) => void;
  private fail!: (error: Error) => void;
  private readonly bull: InstanceType<Packages['Worker']>;
  private readonly timer: NodeJS.Timeout;
  private readonly began = Date.now();
  private hand: Hand | undefined;
  private plan: RunPlan | undefined;
  /** Pieces are expanded one after the other. */
  private turn: Promise<unknown> = Promise.resolve();
  private pieces = 0;
  private states = 0;
  private missing = 0;

  static async join(
    packages: Packages,
    redis: Redis,
    { name, head }: Found,
    options: WorkOptions,
  ): Promise<Member> {
    const keys = keysOf(name);
    const [program, number] = await Promise.all([redis.getBuffer(keys.program), redis.incr(keys.came)]);
    options.onJoin({ name, path: head.path });
    return new Member(packages, redis, name, head, program ?? new Uint8Array(0), number, keys, options);
  }

  private constructor(
    { Worker: WorkerClass }: Packages,
    private readonly redis: Redis,
    private readonly name: string,
    private readonly head: Head,
    private readonly program: Uint8Array,
    private readonly number: number,
    private readonly keys: Keys,
    private readonly options: WorkOptions,
  ) {
    this.end = new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
    // It may come when nobody listens any more.
    this.end.catch(() => {});
    this.bull = new WorkerClass(PIECES, (job) => this.take(job.data as { generation: number; id: number }), {
      connection: redis,
      prefix: keys.prefix,
      skipVersionCheck: true,
      concurrency: AT_ONCE,
      lockDuration: LOCK,
      stalledInterval: STALLED,
      maxStalledCount: 1_000_000,
      drainDelay: 1,
    });
    // That a job was given to another, or its search is over, is no matter.
    this.bull.on('error', () => {});
    this.timer = setInterval(() => void this.beat(), BEAT);
    void this.beat();
  }

  get progress(): WorkProgress {
    const { name, pieces, states } = this;
    return { name, pieces, states, seconds: (Date.now() - this.began) / 1000 };
  }

  private beats = 0;
  private async beat(): Promise<void> {
    const { redis, keys, number } = this;
    if (this.options.signal.aborted) {
      this.finish({ kind: 'left' });
      return;
    }
    try {
      const pipeline = redis
        .pipeline()
        .mget(keys.alive, keys.over)
        .hset(keys.workers, `${number}`, ++this.beats);
      const all = [keys.workers, keys.came, keys.answers, ...bullKeys(this.bull.keys)];
      const results = await expiring(pipeline, all).exec();
      const [alive, over] = results![0]![1] as [string | null, string | null];
      if (over) this.finish({ kind: 'over' });
      else if (alive === this.head.run && (await isThere(redis, alive))) this.missing = 0;
      else if (++this.missing > PATIENCE) this.finish({ kind: 'gone' });
      this.options.onProgress(this.progress);
    } catch (error) {
      this.finish({ kind: 'lost', why: whyNot(error as Error) });
    }
  }

  /** One job. */
  private async take({
    generation,
    id,
  }: {
    readonly generation: number;
    readonly id: number;
  }): Promise<void> {
    const bytes = await this.redis.getBuffer(this.keys.piece(generation, id));
    // Somebody else has done it.
    if (bytes === null) return;
    const turn = this.turn.then(() => this.expand(pieceOf(bytes)));
    this.turn = turn.catch(() => {});
    await turn.catch((error: Error) => {
      this.fail(this.told(error));
      throw error;
    });
  }

  private async expand(piece: Piece): Promise<void> {
    const { redis, keys } = this;
    const hand = await this.handFor(piece);
    if (hand === undefined) return;
    if (hand.known <= piece.asked) {
      const log = await this.logOf(piece, hand.known);
      // It has begun anew meanwhile.
      if (log === undefined) return;
      await hand.follow(log, piece.digest);
    }
    const answer = answerBytes(hand.expand(piece));
    // What was sent must have arrived before anything is left out for having been sent: in this order, or not at all.
    const sent = await redis
      .multi()
      .rpush(keys.answers, Buffer.from(answer.buffer))
      .expire(keys.answers, EXPIRY)
      .exec();
    if (sent?.[0]?.[0] !== null) throw new Error('an answer could not be sent');
    this.pieces++;
    this.states += piece.states.length / hand.width;
  }

  /** What was asked before a piece was put up, from a word on. */
  private async logOf({ generation, asked }: Piece, from: number): Promise<Int32Array | undefined> {
    if (asked === from) return new Int32Array(0);
    const bytes = await this.redis.getrangeBuffer(this.keys.log(generation), from * 4, asked * 4 - 1);
    if (bytes.length !== (asked - from) * 4) return undefined;
    return new Int32Array(Uint8Array.prototype.slice.call(bytes).buffer);
  }

  /** Knows the search that a piece is of; undefined where that has begun anew. */
  private async handFor({ generation }: Piece): Promise<Hand | undefined> {
    if (this.plan?.generation === generation) return this.hand;
    const text = await this.redis.get(this.keys.plan);
    const plan = parsed<RunPlan>(text);
    // Another search has taken the name of one that was killed.
    if (plan !== undefined && plan.run !== this.head.run) this.finish({ kind: 'gone' });
    if (plan?.generation !== generation || plan.run !== this.head.run) return undefined;
    this.hand?.close();
    const { path } = this.head;
    const options = this.head.options as ExploreOptions;
    const { reductions } = searchOptionsOf(options);
    const program = { path, bytes: this.program, arguments: [], environment: [] };
    const semantics = followingSemantics(program, settingsOf(options, plan.scenario), reductions, plan.facts);
    const { jobs, maxMemory } = this.options;
    this.hand = new Hand(semantics, plan.settings, this.number, { jobs, maxMemory, host: exploreHost });
    this.plan = plan;
    await this.hand.employ();
    return this.hand;
  }

  private told(error: Error): Error {
    if (error instanceof OutOfMemory)
      return new ExploreError(
        `the search ${this.name} needs more memory than ${this.options.maxMemory} bytes; give more with --max-memory`,
      );
    if (!(error instanceof Disagreement)) return error;
    return new ExploreError(
      `this worker cannot follow the search ${this.name}: ${error.message}; run the same build of rseqlab ${VERSION} here and there`,
    );
  }

  /** What it is at is done, if that does not take too long. */
  async leave(): Promise<void> {
    clearInterval(this.timer);
    const { redis, keys, number } = this;
    const done = this.turn.then(() => redis.hdel(keys.workers, `${number}`));
    await inTime(done);
    await inTime(this.bull.close(true));
    this.hand?.close();
  }
}

/** Milliseconds. */
const FAREWELL = 1000;
/** Waits for what may fail, or never end. */
async function inTime(done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, FAREWELL);
  });
  await Promise.race([done.catch(() => {}), late]);
  clearTimeout(timer);
}
