import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { oneErrorLine, rseqlab, withFolder } from './command.js';

/** Sources beside them. */
const ROWS = 'test/conformance/rows-aarch64';
const ANNOTATED = 'test/kernel/annotated/annotated-aarch64';

describe('a program for AArch64', () => {
  it('runs without a word more', () => {
    expect(rseqlab(['run', ROWS, 'abort.preempt'])).toEqual({
      status: 0,
      stdout: 'aborted; rseq_cs cleared\n',
      stderr: '',
    });
  });

  it("has its kernel's rules: that of 6.19 aborts nothing", () => {
    expect(rseqlab(['run', '--kernel', '6.19', ROWS, 'abort.preempt']).stdout).toBe(
      'committed; rseq_cs kept\n',
    );
  });

  it('is explained when it dies, with its own instructions', () => {
    const { status, stderr } = rseqlab(['run', ROWS, 'violation.signature']);
    expect(status).toBe(128 + 11);
    expect(stderr).toMatch(/it broke a rule of rseq \[signature\]/);
    expect(stderr).toMatch(/\n {12}(yield|ldr w5, \[x3\]|cbz w5, 0x[0-9a-f]+)\n/);
    expect(stderr).toMatch(/is 0xd428bc00, not the registered signature 0xd428bc01/);
  });

  it('is told of by name: aborts by section and instruction', () => {
    const { stderr } = rseqlab(['run', '--schedule', 'aborts', '--summary', ANNOTATED, 'sweep']);
    expect(stderr).toMatch(/ aborts +\d+/);
    expect(stderr).toMatch(/system calls .*rseq 1/);
  });

  it('is recorded and replayed, at any event with its registers', () => {
    withFolder((folder) => {
      const file = join(folder, 'run.rseq');
      const ran = rseqlab(['run', '--schedule', 'aborts', '--record', file, ROWS, 'last.write']);
      expect(ran.stdout).toBe('0 of 5000 neither committed nor aborted; 0 calls more than commits\n');
      expect(rseqlab(['replay', file])).toEqual(ran);
      const { stdout } = rseqlab(['replay', '--at', '100', file]);
      for (const name of ['x0', 'x30', 'sp', 'pc', 'pstate', 'tpidr_el0'])
        expect(stdout).toMatch(new RegExp(`\\b${name} [0-9a-f]{16}`));
      const refused = oneErrorLine(rseqlab(['checkpoint', `${file}@100`, '-o', join(folder, 'image')]));
      expect(refused).toMatch(/the process is aarch64's, and images are of x86-64's processes only/);
    });
  });

  it('must be little-endian', () => {
    expect(oneErrorLine(rseqlab(['run', 'test/fixtures/elf/aarch64-be.elf']))).toMatch(
      /for big-endian aarch64; the simulated machine is x86-64, or little-endian aarch64/,
    );
  });
});
