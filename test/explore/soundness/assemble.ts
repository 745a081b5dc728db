import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Is there an assembler? */
export const canAssemble = spawnSync('as', ['--version']).status === 0;

/** Assembles text into a relocatable object. */
export function assemble(text: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'rseqlab-'));
  try {
    const file = join(folder, 'a.o');
    const { status, stderr } = spawnSync('as', ['-o', file, '-'], { input: text });
    if (status !== 0) throw new Error(`${stderr}\n${text}`);
    return new Uint8Array(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
