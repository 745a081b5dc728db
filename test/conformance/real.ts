import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program of this folder: each of its rows shows one rule of the kernel. `build.sh` makes it. */
export const ROWS = fileURLToPath(new URL('rows', import.meta.url));
/** The rows that are in both languages, for AArch64. */
export const ROWS_AARCH64 = fileURLToPath(new URL('rows-aarch64', import.meta.url));

/** A row as the program lists it. */
export interface Row {
  readonly id: string;
  /** File and function of the kernel, or another source. */
  readonly source: string;
  readonly description: string;
}

/** What the program has, in its order. */
export function listRows(): Row[] {
  const lines = execFileSync(ROWS, ['list'], { encoding: 'utf8' }).trimEnd().split('\n');
  return lines.map((line) => {
    const [id, source, description] = line.split('\t') as [string, string, string];
    return { id, source, description };
  });
}

/** Text and end of a row as one line: `EINVAL`, `0; killed by SIGSEGV`. */
export function result(output: string, end: { readonly signal?: string; readonly status?: number }): string {
  const parts = output.trim() === '' ? [] : [output.trim()];
  if (end.signal !== undefined) parts.push(`killed by ${end.signal}`);
  else if (end.status !== 0 && end.status !== SKIPPED) parts.push(`exit ${end.status}`);
  return parts.join('; ');
}

/** A row that cannot be run somewhere exits with this and says `skipped: REASON`. */
const SKIPPED = 77;

/** Milliseconds after which a row counts as hanging; the slowest takes a fraction of a second on an idle machine. */
const PATIENCE = 60_000;

/** Runs one row on the kernel underneath. */
export function runReal(id: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that a row that hangs is ended with its children.
    const child = spawn(ROWS, [id], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let hangs = false;
    const watch = setTimeout(() => {
      hangs = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, PATIENCE);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(watch);
      if (hangs) resolve(`${output}hangs`);
      else resolve(result(output, signal === null ? { status: status! } : { signal }));
    });
  });
}

/** Runs rows side by side; results by id, in the order of the rows. */
export async function runAll(
  rows: readonly Row[],
  run: (id: string) => Promise<string>,
  sideBySide: number,
): Promise<Record<string, string>> {
  const results: Record<string, string> = Object.fromEntries(rows.map(({ id }) => [id, '']));
  const waiting = [...rows];
  const worker = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift())
      results[row.id] = await run(row.id);
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
  return results;
}
