import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/command.js';

/** A program that runs by itself, as someone else's process; its end is waited for. */
export class Program {
  readonly child: ChildProcess;
  private output = '';
  private readonly closed: Promise<unknown[]>;

  constructor(path: string, ...args: string[]) {
    this.child = spawn(join(ROOT, path), args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.closed = once(this.child, 'close');
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Nobody traces it, and it is not stopped. */
  get isFree(): boolean {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return /^TracerPid:\t0$/m.test(status) && !/^State:\t[Tt]/m.test(status);
  }

  /** Its exit status or signal, and what it has printed. */
  async end(): Promise<{ end: unknown; output: string }> {
    const [status, signal] = await this.closed;
    return { end: signal ?? status, output: this.output };
  }

  /** Asks it to end. */
  terminate(): void {
    this.child.kill('SIGTERM');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}

/** Waits until this holds. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
