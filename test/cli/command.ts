import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const BIN = join(ROOT, 'bin/rseqlab.js');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Guards against a hang only: no command of the tests takes more than a second or two. In milliseconds. */
const PATIENCE = 60_000;

/** Runs the built command in the repository, so that the names of its files are the same on every machine. */
export function rseqlab(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  { input = '', cwd = ROOT }: { readonly input?: string; readonly cwd?: string } = {},
): Ran {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [BIN, ...args], {
    cwd,
    input,
    encoding: 'utf8',
    env: environment(env),
    timeout: PATIENCE,
    maxBuffer: 64 * 2 ** 20,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** The same through a shell: pipes, redirections. `rseqlab` is the command. */
export function shell(script: string, env: NodeJS.ProcessEnv = {}): Ran {
  const define = `rseqlab() { '${process.execPath}' '${BIN}' "$@"; }\n`;
  const { status, stdout, stderr, error } = spawnSync('bash', ['-c', define + script], {
    cwd: ROOT,
    encoding: 'utf8',
    env: environment(env),
    timeout: PATIENCE,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** What the machine's owner prefers must not change what a test sees. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NO_COLOR: _, FORCE_COLOR: __, RSEQLAB_DEBUG: ___, NODE_OPTIONS: ____, ...rest } = process.env;
  return { ...rest, LC_ALL: 'C', ...env };
}

/** Wrong usage or input: status 2, nothing on stdout, one line on stderr that starts with the name of the program. */
export function oneErrorLine({ status, stdout, stderr }: Ran): string {
  if (
    status !== 2 ||
    stdout !== '' ||
    !/^rseqlab: [^\n]+\n$/.test(stderr) ||
    /\n\s+at |node:internal/.test(stderr)
  )
    throw new Error(`not one error line: ${JSON.stringify({ status, stdout, stderr })}`);
  return stderr.trimEnd();
}

/** Runs with a fresh folder outside the repository, which is removed afterwards. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
