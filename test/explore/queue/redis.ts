import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

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
