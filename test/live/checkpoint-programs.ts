/** Programs to freeze: they write to a file, and stand still in a known place. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ROOT } from '../cli/command.js';

export interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  text(): string;
}

/** A folder for a test file, and what runs in it: `end` after each test, `remove` after all. */
export class Bench {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rseqlab-checkpoint-'));
  private readonly started: ChildProcess[] = [];
  private count = 0;

  file(name: string): string {
    return join(this.folder, name);
  }

  /** test/live/programs/kept, unpacked. */
  get kept(): string {
    const program = this.file('kept');
    if (!existsSync(program))
      writeFileSync(program, gunzipSync(readFileSync(join(ROOT, 'test/live/programs/kept.gz'))), {
        mode: 0o755,
      });
    return program;
  }

  /** Starts a program that writes to a file, and waits for its first line. */
  async start(
    program: string,
    words: readonly string[],
    {
      input = 'ignore',
      more = [],
      user,
    }: { readonly input?: 'ignore' | 'pipe'; readonly more?: readonly 'pipe'[]; readonly user?: number } = {},
  ): Promise<Running> {
    const output = this.file(`output-${this.count++}`);
    const fd = openSync(output, 'w');
    const child = spawn(program, words, {
      stdio: [input, fd, fd, ...more],
      ...(user !== undefined && { uid: user, gid: user }),
    });
    closeSync(fd);
    this.started.push(child);
    const ended = new Promise<number | string | null>((resolve) =>
      child.once('exit', (status, signal) => resolve(status ?? signal)),
    );
    const text = (): string => readFileSync(output, 'utf8');
    while (!text().includes('\n') && child.exitCode === null)
      await new Promise((resolve) => setImmediate(resolve));
    return { pid: child.pid!, child, ended, text };
  }

  /** A file that is not there yet: programs wait for it. */
  go(): string {
    return this.file(`go-${this.count++}`);
  }

  end(): void {
    for (const child of this.started.splice(0)) child.kill('SIGKILL');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
