import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runningKernel } from '../../src/linux/kernel.js';
import { judging } from '../../src/live/inspect/mode.js';
import { rseqlab, withFolder } from '../cli/command.js';
import { ROWS } from '../conformance/real.js';
import { noPerf, title } from './here.js';

/** Non-root sees zeros (kernel.kptr_restrict), and then nobody can tell. */
const hidden = (): boolean => /^0+ /.test(readFileSync('/proc/kallsyms', 'latin1').slice(0, 20));
const why =
  noPerf ??
  (hidden()
    ? 'the kernel hides its addresses'
    : judging(runningKernel(), 32).classic
      ? undefined
      : 'this kernel has other rules');

/** A program of x86-64 that is this code. */
function elf(code: readonly number[]): Uint8Array {
  const [ehdr, phdr, base] = [64, 56, 0x10000n];
  const bytes = new Uint8Array(ehdr + phdr + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  for (const [at, half] of [[16, 2], [18, 62], [20, 1], [52, ehdr], [54, phdr], [56, 1]] as const) // biome-ignore format: a table
    view.setUint16(at, half, true);
  for (const [
    at,
    word,
  ] of [[24, base + 120n], [32, 64n], [ehdr + 16, base], [ehdr + 24, base], [ehdr + 32, BigInt(bytes.length)], [ehdr + 40, BigInt(bytes.length)], [ehdr + 48, 4096n]] as const) // biome-ignore format: a table
    view.setBigUint64(at, word, true);
  view.setUint32(ehdr, 1, true); // PT_LOAD
  view.setUint32(ehdr + 4, 5, true); // readable, executable
  bytes.set(code, ehdr + phdr);
  return bytes;
}

describe.skipIf(why !== undefined)(title('a SIGSEGV', why), () => {
  it.each(['violation.version-1', 'violation.abort-0'])('by rseq is a violation: %s', (row) => {
    const { status, stderr } = rseqlab(['trace', '--', ROWS, row]);
    expect(status).toBe(139);
    expect(stderr).toMatch(/ violation +ip=0x[0-9a-f]+ SIGSEGV, inferred to be for a broken rule: /);
    const summary = rseqlab(['trace', '--summary', '--format', 'json', '--', ROWS, row]);
    expect(JSON.parse(summary.stderr)).toMatchObject({ violations: 1 });
  });

  it('by the processor is none, though the kernel sends it too', () =>
    withFolder((folder) => {
      const program = join(folder, 'protected');
      // mov rax, 0x8000000000000000; mov dword [rax], 0: an address that is none (#GP).
      writeFileSync(program, elf([0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0x80, 0xc7, 0, 0, 0, 0, 0]));
      chmodSync(program, 0o755);
      const { status, stderr } = rseqlab(['trace', '--events', 'violation,signal', '--', program]);
      expect(status).toBe(139);
      expect(stderr).toContain('SIGSEGV default ip=0x0 si_code=128');
      expect(stderr).not.toContain('violation');
    }));
});
