import { randomUUID } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { ExploreError } from '../../explore/options.js';
import type { Board, Plan } from '../../explore/queue/board.js';
import type { RedisAddress } from './address.js';
import { connect, loadPackages, type Packages, whyNot } from './connection.js';
import {
  BEAT,
  bullKeys,
  EXPIRY,
  expiring,
  type Head,
  type Keys,
  keysOf,
  PIECES,
  type RunPlan,
  SEARCHES,
} from './names.js';

export interface BoardOptions {
  readonly address: RedisAddress;
  readonly name: string;
  readonly pieceStates: number;
  readonly head: Omit<Head, 'run'>;
  readonly program: Uint8Array;
  /** The Redis is lost: the search goes on alone. */
  readonly onLost: (why: string) => void;
}

/** Beats of the heart without a sign of life, after which a worker, or the Redis, counts as dead. */
const PATIENCE = 40;
/** Answers that are fetched at a time. */
const AT_ONCE = 32;
/** Milliseconds for workers to leave when all is over. */
const FAREWELL = 2000;

/** A search's board in a Redis: its jobs are BullMQ's, which gives those of a worker that has died to another. */
export class RedisBoard implements Board {
  readonly pieceStates: number;
  workers = 0;
  private readonly keys: Keys;
  private readonly queue: Queue;
  private generation = 0;
  private arrived: Uint8Array[] = [];
  private awaken: (() => void) | undefined;
  private lost = false;
  private closing = false;
  private beats = 0;
  private unanswered = 0;
  private readonly timer: NodeJS.Timeout;
  /** By worker: how often it has shown that it lives, and at which beat of ours that was new. */
  private readonly seen = new Map<string, { readonly often: string; readonly at: number }>();

  /** Throws ExploreError. */
  static async open(options: BoardOptions): Promise<RedisBoard> {
    const packages = loadPackages();
    const redis = await connect(packages, options.address);
    try {
      const me = await claim(redis, options);
      const board = new RedisBoard(packages, redis, await connect(packages, options.address), me, options);
      await board.publish();
      return board;
    } catch (error) {
      redis.disconnect();
      if (error instanceof ExploreError) throw error;
      throw new ExploreError(
        `the Redis at ${options.address.text} does not do as it should: ${whyNot(error as Error)}; look at its log`,
      );
    }
  }

  private constructor(
    { Queue: QueueClass }: Packages,
    private readonly redis: Redis,
    /** It waits for answers. */
    private readonly waiting: Redis,
    private readonly me: string,
    private readonly options: BoardOptions,
  ) {
    this.pieceStates = options.pieceStates;
    this.keys = keysOf(options.name);
    this.queue = new QueueClass(PIECES, {
      connection: redis,
      prefix: this.keys.prefix,
      skipVersionCheck: true,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      streams: { events: { maxLen: 0 } },
    });
    for (const connection of [redis, waiting])
      connection.on('close', () => this.lose('the connection was closed'));
    this.queue.on('error', (error) => this.lose(whyNot(error)));
    this.timer = setInterval(() => this.beat(), BEAT);
    this.timer.unref();
    void this.fetch();
  }

  private async publish(): Promise<void> {
    const { redis, keys, options } = this;
    await this.sweep();
    await redis
      .multi()
      .set(keys.program, Buffer.from(options.program), 'EX', EXPIRY)
      .set(keys.head, JSON.stringify({ ...options.head, run: this.me } satisfies Head), 'EX', EXPIRY)
      .sadd(SEARCHES, options.name)
      .expire(SEARCHES, EXPIRY)
      .exec();
  }

  private lose(why: string): void {
    if (this.lost || this.closing) return;
    this.lost = true;
    this.workers = 0;
    this.arrived = [];
    clearInterval(this.timer);
    this.disconnect();
    this.awaken?.();
    this.options.onLost(why);
  }
  private disconnect(): void {
    this.redis.disconnect();
    this.waiting.disconnect();
  }
  /** What is sent is not waited for: where that fails the Redis is lost. */
  private send(sent: Promise<unknown>): void {
    sent.catch((error: Error) => this.lose(whyNot(error)));
  }

  begin(plan: Omit<Plan, 'generation'>): number {
    const before = this.generation++;
    const generation = this.generation;
    this.arrived = [];
    if (this.lost) return generation;
    const { redis, keys } = this;
    this.send(this.queue.drain());
    this.send(
      redis
        .multi()
        .set(keys.plan, JSON.stringify({ ...plan, generation, run: this.me } satisfies RunPlan), 'EX', EXPIRY)
        .del(keys.log(before))
        .exec(),
    );
    return generation;
  }

  asked(words: Int32Array): void {
    if (this.lost) return;
    const { redis, keys } = this;
    const bytes = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    const log = keys.log(this.generation);
    this.send(redis.multi().append(log, bytes).expire(log, EXPIRY).exec());
  }

  put(id: number, piece: Uint8Array): void {
    if (this.lost) return;
    const { redis, keys, queue, generation } = this;
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.send(redis.set(keys.piece(generation, id), bytes, 'EX', EXPIRY));
    const added = queue.add('piece', { generation, id });
    this.send(
      added.then((job) => expiring(redis.pipeline(), [queue.toKey(job.id!), ...bullKeys(queue.keys)]).exec()),
    );
  }

  withdraw(id: number): void {
    // Its job finds nothing to do.
    if (!this.lost) this.send(this.redis.del(this.keys.piece(this.generation, id)));
  }

  /** Waits for so many workers. */
  async team(
    workers: number,
    told: { readonly signal?: { readonly aborted: boolean }; tell(now: number): void },
  ) {
    while (this.workers < workers && !this.lost && told.signal?.aborted !== true) {
      told.tell(this.workers);
      await new Promise((resolve) => setTimeout(resolve, BEAT / 5));
    }
  }

  take(): readonly Uint8Array[] {
    const arrived = this.arrived;
    this.arrived = [];
    return arrived;
  }

  async wait(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (milliseconds === 0 || this.arrived.length > 0 || this.lost) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.awaken = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.awaken = undefined;
  }

  private async fetch(): Promise<void> {
    const { waiting, keys } = this;
    try {
      while (!this.lost && !this.closing) {
        const first = await waiting.blpopBuffer(keys.answers, 0);
        if (first === null) continue;
        this.arrived.push(first[1]);
        const more = await waiting.lpopBuffer(keys.answers, AT_ONCE);
        if (more !== null) this.arrived.push(...more);
        this.awaken?.();
      }
    } catch (error) {
      this.lose(whyNot(error as Error));
    }
  }

  private beat(): void {
    if (this.lost || this.closing) return;
    this.beats++;
    // Counted, not timed: this process may have had no time to listen.
    if (++this.unanswered > PATIENCE) this.lose('it does not answer');
    else this.send(this.pulse());
  }

  private async pulse(): Promise<void> {
    const { redis, keys, queue, me } = this;
    const { head, program, plan, answers, workers: team, came } = keys;
    const own = [SEARCHES, head, program, plan, answers, team, came, keys.log(this.generation)];
    const pipeline = redis
      .pipeline()
      .hgetall(team)
      .set(keys.alive, me, 'EX', EXPIRY)
      .sadd(SEARCHES, this.options.name);
    const results = await expiring(pipeline, [...own, ...bullKeys(queue.keys)]).exec();
    this.unanswered = 0;
    const [error, workers] = results![0]!;
    if (error) throw error;
    this.count(workers as Record<string, string>);
  }

  private count(workers: Readonly<Record<string, string>>): void {
    for (const number of this.seen.keys()) if (!(number in workers)) this.seen.delete(number);
    for (const [number, often] of Object.entries(workers))
      if (this.seen.get(number)?.often !== often) this.seen.set(number, { often, at: this.beats });
    this.workers = [...this.seen.values()].filter(({ at }) => this.beats - at < PATIENCE).length;
  }

  /** All is over: workers leave, and the keys go. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    if (this.lost || this.closing) return;
    this.closing = true;
    const patience = setTimeout(() => this.disconnect(), FAREWELL * 2);
    try {
      const { redis, keys } = this;
      await redis.multi().set(keys.over, '1', 'EX', EXPIRY).srem(SEARCHES, this.options.name).exec();
      this.waiting.disconnect();
      for (const until = Date.now() + FAREWELL; Date.now() < until; ) {
        this.beats++;
        this.count(await redis.hgetall(keys.workers));
        if (this.workers === 0) break;
        await new Promise((resolve) => setTimeout(resolve, BEAT / 5));
      }
      // One that does not listen now will know from it that it may leave; it goes by itself.
      const isHeard = (await redis.hlen(keys.workers)) === 0;
      await this.sweep();
      await redis.del(keys.alive);
      if (isHeard) await redis.del(keys.over);
    } catch {
      // What is left goes by itself when its time is over.
    }
    clearTimeout(patience);
    this.disconnect();
  }

  /** Removes all keys but the claim, and the word that it is over. */
  private async sweep(): Promise<void> {
    const { redis, keys, queue } = this;
    await queue.obliterate({ force: true });
    const found = await allKeys(redis, keys.prefix);
    const gone = found.filter((key) => key !== keys.alive && !(this.closing && key === keys.over));
    if (gone.length > 0) await redis.del(...gone);
  }
}

async function allKeys(redis: Redis, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (let cursor = '0'; ; ) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}:*`, 'COUNT', 1000);
    found.push(...keys);
    if (next === '0') return found;
    cursor = next;
  }
}

/** One search of a name at a time. What claims it: the number of the connection, which is gone when its process is. */
async function claim(redis: Redis, { name, address }: BoardOptions): Promise<string> {
  const keys = keysOf(name);
  // Another one each time: connections of a Redis that has begun anew have old numbers.
  const me = `${await redis.client('ID')} ${randomUUID()}`;
  if ((await redis.set(keys.alive, me, 'EX', EXPIRY, 'NX')) === 'OK') return me;
  const other = await redis.get(keys.alive);
  if (other !== null && (await isThere(redis, other)))
    throw new ExploreError(
      `the search ${name} is under way on ${address.text} already; wait for it, or give this one another name with --queue-name`,
    );
  await redis.set(keys.alive, me, 'EX', EXPIRY);
  return me;
}

/** Whether the connection of a claim is open. Where the Redis does not say, it is. */
export async function isThere(redis: Redis, claimed: string): Promise<boolean> {
  try {
    return String(await redis.call('CLIENT', 'LIST', 'ID', claimed.split(' ')[0]!)).trim() !== '';
  } catch {
    return true;
  }
}
