import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProgramError } from '../../src/kernel/program-error.js';
import { below, randomWords } from '../../src/kernel/random.js';
import { run as runKernel } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { rseqlab, withFolder } from './command.js';
import { NOBODY, partsProgram, SETTINGS } from './parts.js';

/** ELF header and program headers: where a change does most. */
const HEADERS = 64 + 8 * 56;
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];

/** The program with a few bytes changed, most of them in its headers, or cut short. */
function mutant(seed: number): Uint8Array {
  const random = randomWords(seed);
  const { bytes } = partsProgram();
  const changed = bytes.slice(0, below(random, 10) === 0 ? below(random, bytes.length) : bytes.length);
  for (let n = 1 + below(random, 6); n > 0; n--) {
    const at = below(random, below(random, 4) === 0 ? changed.length : Math.min(HEADERS, changed.length));
    changed[at] =
      below(random, 2) === 0 ? INTERESTING[below(random, INTERESTING.length)]! : below(random, 256);
  }
  return changed;
}

/** How a mutant ends; anything thrown but a ProgramError of one line is a bug of ours. */
function outcome(bytes: Uint8Array): string {
  const settings = { ...SETTINGS, maxInstructions: 20_000, memoryLimit: 2 ** 24 };
  try {
    const kernel = start(settings, { ...partsProgram('arguments', 'x'), bytes }, NOBODY);
    return runKernel(kernel, Number.MAX_SAFE_INTEGER).kind;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    expect(error.message).toMatch(/^parts[^\n]+$/);
    return 'refused';
  }
}

describe('a damaged program', () => {
  it('is refused in one line, or runs until something ends it: 400 mutants', () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= 400; seed++) {
      const end = outcome(mutant(seed));
      counts.set(end, (counts.get(end) ?? 0) + 1);
    }
    expect(counts.get('refused')).toBeGreaterThan(40);
    expect(counts.get('ended')).toBeGreaterThan(40);
  });

  it.each([5, 17, 23, 42, 77])('and so it is through the command: mutant %i', (seed) => {
    withFolder((folder) => {
      const file = join(folder, 'parts');
      writeFileSync(file, mutant(seed));
      const { status, stderr } = rseqlab(['run', '--max-instructions', '20k', file, 'arguments']);
      expect(status).not.toBeNull();
      expect(stderr).not.toMatch(/internal error|\n\s+at \S+ \(|node:internal/);
      for (const line of stderr.split('\n').filter(Boolean)) expect(line).toMatch(/^(rseqlab: | {2})/);
    });
  });
});
