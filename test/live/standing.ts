import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { InspectDocument } from '../../src/report/inspect-document.js';
import { rseqlab } from '../cli/command.js';

/** The program of test/live/programs: threads that stand somewhere. */
export const STANDING = fileURLToPath(new URL('programs/standing', import.meta.url));

/** A program that has said `ready`, and ends when its input does. */
export class Standing {
  private constructor(
    private readonly child: ChildProcess,
    private readonly ended: Promise<string>,
  ) {}

  static async start(row: string): Promise<Standing> {
    return Standing.run(STANDING, [row]);
  }

  /** Any program that says `ready`. */
  static async run(program: string, args: readonly string[]): Promise<Standing> {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise<string>((resolve) =>
      child.on('close', (status, signal) => resolve(signal ?? `exit ${status}`)),
    );
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on('data', () => resolve());
      child.on('error', reject);
      child.on('close', () => reject(new Error('ended before it was ready')));
    });
    return new Standing(child, ended);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Until its first thread waits in a system call. */
  async waits(tid = this.pid): Promise<this> {
    const where = () => readFileSync(`/proc/${this.pid}/task/${tid}/syscall`, 'utf8');
    while (where().startsWith('running')) await new Promise(setImmediate);
    return this;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** How it ends when its input does: `exit 0`, `SIGSEGV`. */
  end(): Promise<string> {
    this.child.stdin!.destroy();
    return this.ended;
  }
}

/** `rseqlab inspect --format json`; the exit status with it. */
export function inspect(...args: string[]): InspectDocument & { status: number | null } {
  const { status, stdout, stderr } = rseqlab(['inspect', '--format', 'json', ...args]);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as InspectDocument), status };
}

/** The text of a command with what differs from run to run, and from machine to machine, replaced. */
export const stable = (text: string, ...pids: number[]): string =>
  pids
    .reduce((all, pid) => all.replaceAll(String(pid), 'PID'), text)
    .replace(/Linux \d[^;, ]*/g, 'Linux RELEASE')
    .replace(/[\d.]+ µs/g, 'N µs')
    .replace(/(CPU |cpu_id_start=|cpu_id=|node_id=|mm_cid=)\d+/g, '$1N')
    .replace(/0x(?!53053053)[0-9a-f]{6,}/g, '0xADDRESS')
    // A paragraph is broken where the width of the numbers wants it.
    .replace(/\n {2}(?! )(?!\w+ {2,})/g, ' ')
    .replace(/\(\/[^)]*\/standing\)/g, '(FOLDER/standing)');
