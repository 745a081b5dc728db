import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const works = (as: string): boolean => spawnSync(as, ['--version']).status === 0;
const AARCH64 = 'aarch64-linux-gnu-as';

/** Is there an assembler? */
export const canAssemble = works('as');
export const canAssembleAArch64 = works(AARCH64);

/** Assembles text into a relocatable object. */
export const assemble = (text: string): Uint8Array => assembleBy('as', text);
export const assembleAArch64 = (text: string): Uint8Array => assembleBy(AARCH64, text);

function assembleBy(as: string, text: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'rseqlab-'));
  try {
    const file = join(folder, 'a.o');
    const { status, stderr } = spawnSync(as, ['-o', file, '-'], { input: text });
    if (status !== 0) throw new Error(`${stderr}\n${text}`);
    return new Uint8Array(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
