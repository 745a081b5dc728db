import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { arch, platform, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from '../../abi/architecture.js';
import type { Answer } from './answer.js';
import type { Patient } from './examine.js';

/**
 * The probe: the program of test/conformance, static and without a C library, so that nothing registers rseq before it does. The build puts it
 * into the package. From here it is found in the source, in dist, and in the command that is one file.
 */
const PLACES = ['../../../dist/probe', '../../probe', '../probe'];
/** By process.arch. The one for arm64 has the rows that are in both languages. */
const NAMES: Readonly<Record<string, { readonly file: string; readonly architecture: Architecture }>> = {
  x64: { file: 'rows', architecture: 'x86-64' },
  arm64: { file: 'rows-aarch64', architecture: 'aarch64' },
};

function probePath(file: string): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(`${place}/${file}`, import.meta.url)));
  const found = paths.find((path) => existsSync(path));
  if (found === undefined) throw new Error('the probe is not there; npm run build makes it');
  return found;
}

/** The one that the simulated machine runs. */
export const probeBytes = (architecture: Architecture): Uint8Array =>
  new Uint8Array(
    readFileSync(probePath(Object.values(NAMES).find((name) => name.architecture === architecture)!.file)),
  );

/** Why the kernel underneath cannot be asked; undefined: it can. */
export function notHere(): string | undefined {
  if (platform() === 'linux' && arch() in NAMES) return undefined;
  return `the probe runs on Linux on x86-64 and arm64, and this is ${platform()} on ${arch()}`;
}

/** Milliseconds after which a row counts as hanging; the slowest takes a tenth of a second, on a loaded machine some seconds. */
const PATIENCE = 30_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The kernel underneath. `close` ends what still runs. */
export class RealKernel implements Patient {
  readonly world = 'real';
  readonly release = release();
  readonly architecture = NAMES[arch()]!.architecture;
  /** Rows wait more than they work, and share CPUs with what else runs. */
  readonly sideBySide = 4;
  private readonly running = new Set<ChildProcess>();
  private program = probePath(NAMES[arch()]!.file);
  private copy: string | undefined;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.interrupted);
  }

  private readonly interrupted = (name: NodeJS.Signals): void => {
    this.close();
    process.kill(process.pid, name);
  };

  close(): void {
    for (const name of SIGNALS) process.off(name, this.interrupted);
    for (const child of this.running) endGroup(child);
    if (this.copy !== undefined) rmSync(this.copy, { recursive: true, force: true });
    this.copy = undefined;
  }

  async ask(row: string): Promise<Answer> {
    try {
      return await this.run(row);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES' || this.copy !== undefined) throw error;
      // The package lies where nothing may be executed, or whoever unpacked it lost the permission.
      this.copy = mkdtempSync(join(tmpdir(), 'rseqlab-'));
      const program = join(this.copy, 'probe');
      copyFileSync(this.program, program);
      chmodSync(program, 0o700);
      this.program = program;
      return this.run(row);
    }
  }

  private run(row: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      // A group of its own, so that a row that hangs is ended with its children.
      const child = spawn(this.program, [row], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
      this.running.add(child);
      let output = '';
      let hangs = false;
      const watch = setTimeout(() => {
        hangs = true;
        endGroup(child);
      }, PATIENCE);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.on('error', (error) => {
        clearTimeout(watch);
        this.running.delete(child);
        reject(error);
      });
      child.on('close', (status, signal) => {
        clearTimeout(watch);
        this.running.delete(child);
        if (hangs) resolve({ output, end: { kind: 'hangs' } });
        else if (signal !== null) resolve({ output, end: { kind: 'signal', name: signal } });
        else resolve({ output, end: { kind: 'exit', status: status! } });
      });
    });
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
