import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BIN, ROOT } from '../cli/command.js';

export type Library = (typeof LIBRARIES)[number];

/** What the programs are linked with, and for what. */
const LIBRARIES = ['glibc', 'musl', 'glibc-aarch64', 'musl-aarch64'] as const;

export interface Ended {
  /** As a shell says it: 128 and the signal's number where a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Programs for Linux on x86-64 run here natively too. */
export const NATIVE = process.platform === 'linux' && process.arch === 'x64';

/** Guards against a hang only. In milliseconds. */
const PATIENCE = 60_000;

/** The programs of this folder, unpacked; `remove` when the tests are over. */
export class Programs {
  private readonly folder = mkdtempSync(join(tmpdir(), 'rseqlab-programs-'));

  constructor() {
    for (const library of LIBRARIES) {
      const packed = readFileSync(join(ROOT, `test/programs/${library}.gz`));
      writeFileSync(this.path(library), gunzipSync(packed), { mode: 0o755 });
    }
  }

  path(library: Library): string {
    return join(this.folder, library);
  }

  natively(library: Library, args: readonly string[], input = ''): Ended {
    return ended([this.path(library), ...args], input);
  }

  /** By `rseqlab run`, with its options first. */
  simulated(library: Library, args: readonly string[], input = '', options: readonly string[] = []): Ended {
    return ended([process.execPath, BIN, 'run', ...options, this.path(library), ...args], input);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What rseqlab says on standard error of processes that were killed: its line, and those below that are set in. */
const REPORTS = /^rseqlab: .*\n(?: .*\n)*/gm;
export const reportsOf = ({ stderr }: Ended): readonly string[] => stderr.match(REPORTS) ?? [];
export const withoutReports = (what: Ended): Ended => ({ ...what, stderr: what.stderr.replace(REPORTS, '') });

function ended([command, ...args]: readonly string[], input: string): Ended {
  const { status, signal, stdout, stderr, error } = spawnSync(command!, args, {
    encoding: 'utf8',
    input,
    // What the machine's owner has in the environment is not the programs' business.
    env: { LC_ALL: 'C' },
    timeout: PATIENCE,
    maxBuffer: 1 << 26,
  });
  if (error !== undefined) throw error;
  return { status: status ?? 128 + constants.signals[signal!], stdout, stderr };
}
