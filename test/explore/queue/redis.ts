import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import type { ExploreDocument } from '../../../src/explore/timeline.js';
import { Live } from '../../cli/live.js';

/** Why there is none; undefined where there is one. */
export const withoutRedis: string | undefined =
  spawnSync('redis-server', ['--version']).status === 0
    ? undefined
    : 'no redis-server here: apt-get install redis-server';

/** A real Redis, in a folder of its own, without anything on disk, behind a socket. */
export class Server {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
  private readonly child: ChildProcess;
  readonly redis: Redis;

  private constructor() {
    this.child = spawn(
      'redis-server',
      ['--port', '0', '--unixsocket', this.socket, '--save', '', '--appendonly', 'no', '--dir', this.folder],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.redis = new Redis({ path: this.socket, lazyConnect: true, retryStrategy: () => null });
    this.redis.on('error', () => {});
  }

  static async start(): Promise<Server> {
    const server = new Server();
    const { stdout } = server.child;
    await new Promise<void>((resolve) => {
      let text = '';
      stdout!.on('data', (more) => {
        text += more;
        if (/ready to accept connections/i.test(text)) resolve();
      });
    });
    await server.redis.connect();
    return server;
  }

  private get socket(): string {
    return join(this.folder, 'socket');
  }
  get address(): string {
    return `unix://${this.socket}`;
  }

  /** Begins a search, for so many workers. */
  search(name: string, workers: number, ...args: string[]): Live {
    return live(
      ...['explore', '--queue', this.address, '--queue-name', name, '--queue-workers', `${workers}`],
      ...['--queue-piece', '1000', ...args],
    );
  }
  worker(name: string, ...args: string[]): Live {
    return live('work', this.address, '--queue-name', name, '--jobs', '1', ...args);
  }
  /** How many jobs workers have, as BullMQ counts. */
  active(name: string): Promise<number> {
    return this.redis.llen(`{rseqlab:${name}}:pieces:active`);
  }
  /** Holds a search and its workers where these are in the middle of something. */
  async holdInTheMiddle(name: string, all: readonly Live[]): Promise<void> {
    for (;;) {
      for (const each of [...all].reverse()) each.signal('SIGSTOP');
      // What they had sent by then is done.
      await this.redis.ping();
      if ((await this.active(name)) > 0) return;
      for (const each of all) each.signal('SIGCONT');
    }
  }

  /** Keys that do not go by themselves. */
  async lasting(): Promise<string[]> {
    const keys = await this.redis.keys('*');
    const times = await Promise.all(keys.map((key) => this.redis.ttl(key)));
    return keys.filter((_, at) => times[at] === -1);
  }

  async stop(): Promise<void> {
    this.redis.disconnect();
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A command that does not outlive its test. */
export function live(...args: string[]): Live {
  const command = new Live(args);
  onTestFinished(() => command.signal('SIGKILL'));
  return command;
}

export const joined = ({ stdout }: Live): boolean => stdout.includes(': joined: ');
export const pieces = ({ stdout }: Live): number => Number(/(\d+) pieces/.exec(stdout)?.[1] ?? 0);

/** All that must not depend on who did what. */
export function resultOf(stdout: string): unknown {
  const { results } = JSON.parse(stdout) as ExploreDocument;
  return results.map(({ effort: _, ...rest }) => rest);
}

/** A search of some 200,000 states. */
export const LARGE = [
  '--jobs',
  '1',
  '--format',
  'json',
  '--scenario',
  'push_pop4',
  'examples/explore/slab.o',
];
