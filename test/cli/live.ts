import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BIN, ROOT } from './command.js';

/** A command under way, whose output can be waited for. */
export class Live {
  private readonly child;
  private readonly ended: Promise<number | null>;
  stdout = '';
  stderr = '';
  private look: () => void = () => {};

  /** `terminal`: on one, which util-linux' script makes (without its shell in between, which Ctrl-C would end); what is written to it is typed, and all output comes as stdout. `columns`: its width. */
  constructor(args: readonly string[], { terminal = false, columns = 0 } = {}) {
    const command = [process.execPath, BIN, ...args];
    const quoted = command.map((word) => `'${word}'`).join(' ');
    const width = columns === 0 ? '' : `stty cols ${columns}; `;
    const [program, ...rest] = terminal ? ['script', '-qec', `${width}exec ${quoted}`, '/dev/null'] : command;
    this.child = spawn(program!, rest, {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TERM: 'xterm' },
    });
    this.child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.stdout += text;
      this.look();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.look();
    });
    this.ended = new Promise((resolve) => this.child.on('close', (status) => resolve(status)));
  }

  /** The process at the end of the line of children: the command itself, where `script` and a shell stand in front of it. */
  get leaf(): number {
    let pid = this.child.pid!;
    for (;;) {
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
      if (!child) return pid;
      pid = Number(child);
    }
  }

  /** Until this holds; throws where the command ends before. */
  async until(holds: (live: Live) => boolean): Promise<void> {
    while (!holds(this)) {
      const more = new Promise<'more'>((resolve) => {
        this.look = () => resolve('more');
      });
      if ((await Promise.race([more, this.ended])) !== 'more' && !holds(this))
        throw new Error(`ended before: ${this.stderr}`);
    }
  }

  write(text: string): void {
    this.child.stdin.write(text);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Its exit status. */
  async end(): Promise<number | null> {
    this.child.stdin.end();
    return this.ended;
  }

  /** Its exit status, where it ends although its input stays open. */
  async status(): Promise<number | null> {
    const status = await this.ended;
    this.child.stdin.destroy();
    return status;
  }
}
