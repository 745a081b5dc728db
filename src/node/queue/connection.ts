import { createRequire } from 'node:module';
import type { Queue as BullQueue, Worker as BullWorker } from 'bullmq';
import type { Redis as IORedis, RedisOptions } from 'ioredis';
import { ExploreError } from '../../explore/options.js';
import { reason } from '../reason.js';
import type { RedisAddress } from './address.js';

/** What the packages give that are loaded only here: no other command needs them. */
export interface Packages {
  readonly Redis: new (options: RedisOptions) => IORedis;
  readonly Queue: typeof BullQueue;
  readonly Worker: typeof BullWorker;
}

/** Throws ExploreError where they are not installed. */
export function loadPackages(): Packages {
  // The command is a script out of a code cache, which cannot import().
  const load = createRequire(import.meta.url);
  try {
    const { Queue, Worker } = load('bullmq') as typeof import('bullmq');
    const { Redis } = load('ioredis') as typeof import('ioredis');
    return { Queue, Worker, Redis };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    throw new ExploreError(
      `a search over a queue needs the packages bullmq and ioredis, which ${missing ? 'are not installed' : `cannot be loaded (${message.split('\n', 1)[0]})`}; install them beside rseqlab: npm install bullmq ioredis`,
    );
  }
}

/** Milliseconds until nobody is there who answers. */
const CONNECT = 10_000;
/** Of Redis: LPOP with a count, and what BullMQ wants. */
const LEAST = [6, 2] as const;

/** Connects. A connection that is lost stays lost: who has it goes on alone, or ends. Throws ExploreError. */
export async function connect({ Redis }: Packages, { options, text }: RedisAddress): Promise<IORedis> {
  const redis = new Redis({
    ...options,
    lazyConnect: true,
    connectTimeout: CONNECT,
    maxRetriesPerRequest: null,
    enableOfflineQueue: true,
    retryStrategy: () => null,
    reconnectOnError: null,
  } as RedisOptions);
  let last: Error | undefined;
  redis.on('error', (error: Error) => {
    last = error;
  });
  try {
    await redis.connect();
    const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await redis.info('server')) ?? [];
    if (Number(major) < LEAST[0] || (Number(major) === LEAST[0] && Number(minor) < LEAST[1]))
      throw new ExploreError(
        `the Redis at ${text} is version ${major}.${minor}; take ${LEAST.join('.')} or newer`,
      );
    // Such as a database that there is not: it would be another one then.
    if (last !== undefined) throw last;
    return redis;
  } catch (error) {
    redis.disconnect();
    if (error instanceof ExploreError) throw error;
    throw new ExploreError(
      `cannot reach the Redis at ${text}: ${whyNot(last ?? (error as Error))}; start redis-server there, or give another address (--queue)`,
    );
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ETIMEDOUT: 'nobody answers',
  EHOSTUNREACH: 'there is no way to that host',
  ECONNRESET: 'the connection was reset',
};

/** An error of a connection in words. */
export function whyNot(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  // ioredis reads what is not its protocol.
  if (/unknown RESP type|protocol error/i.test(error.message)) return 'what answers there is no Redis';
  return ((code && WORDS[code]) ?? reason(error)).split('\n', 1)[0]!;
}
