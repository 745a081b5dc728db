import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../../src/binary/read.js';
import { scenariosOf } from '../../../src/kernel/scenario/parts.js';
import { withFolder } from '../../cli/command.js';
import { COMPILERS, compile } from './compilers.js';

const EVERYTHING = `
#include <rseqlab.h>
#include <signal.h>
static long value;
RSEQLAB_SCENARIO(one, "with");
RSEQLAB_SCENARIO(two, "without")
RSEQLAB_SETUP(one) { value = 0; }
RSEQLAB_TASK(one, a) { rseqlab_operation(); rseqlab_result(value); }
RSEQLAB_TASKS(one, b, 3) { value = 1; }
RSEQLAB_SIGNAL(one, b, SIGUSR1) { value = 1; }
RSEQLAB_SIGNAL(one, a, 12) { value = 1; }
RSEQLAB_SIGNAL(one, a, 10) { value = 1; }
RSEQLAB_TRACER(one, a, thread) { value = thread; }
RSEQLAB_INVARIANT(one) { return value < 2; }
RSEQLAB_FINALLY(one) { rseqlab_assert(value == 1); }
RSEQLAB_TASK(two, a) { value = 2; }
`;

const WARNINGS = ['-Wall', '-Wextra', '-pedantic', '-c'];
const languageOf = (compiler: string): readonly string[] =>
  compiler.endsWith('++') ? ['c++', 'gnu++11', 'gnu++20'] : ['c', 'gnu99', 'gnu17'];

/** The object of a source text. */
function objectOf(compiler: string, text: string, ...options: readonly string[]): Uint8Array<ArrayBuffer> {
  return withFolder((folder) => {
    const [from, to] = [join(folder, 'scenario.c'), join(folder, 'scenario.o')];
    writeFileSync(from, text);
    const [language] = languageOf(compiler);
    expect(compile(compiler, ...WARNINGS, `-x${language}`, ...options, from, '-o', to)).toBe('');
    return new Uint8Array(readFileSync(to));
  });
}

const scenarios = (bytes: Uint8Array<ArrayBuffer>) =>
  scenariosOf(readImage(bytes, 'scenario.o', { ownPages: true }));

describe.skipIf(COMPILERS.length === 0)('rseqlab.h (needs a compiler)', () => {
  describe.each(COMPILERS)('%s', (compiler) => {
    it.each(['-O0', '-O1', '-O2', '-O3'])(
      'leaves all parts in the object, without a warning: %s',
      (level) => {
        for (const place of ['-fno-pic', '-fPIC']) {
          const found = scenarios(objectOf(compiler, EVERYTHING, level, place));
          expect(found.map(({ name }) => name).sort()).toEqual(['one', 'two']);
          const one = found.find(({ name }) => name === 'one')!;
          expect(one).toMatchObject({
            claim: 'with',
            setup: expect.any(Number),
            finally: expect.any(Number),
          });
          expect(one.invariant).toEqual(expect.any(Number));
          expect(one.tasks.map(({ name }) => name).sort()).toEqual(['a', 'b.1', 'b.2', 'b.3']);
          expect(one.signals.map(({ task, signal }) => `${task} ${signal}`).sort()).toEqual([
            'a 0',
            'a 10',
            'a 12',
            'b.1 10',
            'b.2 10',
            'b.3 10',
          ]);
        }
      },
    );

    it('gives no warning in any dialect, nor for a program', () => {
      for (const dialect of languageOf(compiler).slice(1)) {
        objectOf(compiler, EVERYTHING, '-O2', `-std=${dialect}`);
        objectOf(compiler, EVERYTHING, '-O2', '-DRSEQLAB_NATIVE', `-std=${dialect}`);
      }
    });
  });

  const bad = (parts: string): (() => unknown) => {
    const text = `#include <rseqlab.h>\nRSEQLAB_SCENARIO(bad, "");\n${parts}\n`;
    return () => scenarios(objectOf(COMPILERS[0]!, text));
  };

  it('is checked by the loader', () => {
    expect(bad('')).toThrow('scenario bad has no task: add RSEQLAB_TASK(bad, ...)');
    expect(bad('RSEQLAB_TASKS(bad, many, 65) {}')).toThrow('scenario bad has 65 tasks: 64 are the most');
    expect(bad('RSEQLAB_TASKS(bad, none, 0) {}')).toThrow('scenario bad has no task');
    expect(bad('RSEQLAB_TASK(bad, one) {}\nRSEQLAB_SIGNAL(bad, other, 10) {}')).toThrow(
      'RSEQLAB_SIGNAL(bad, other) names no task of the scenario',
    );
    expect(bad('RSEQLAB_TASK(bad, one) {}\nRSEQLAB_SIGNAL(bad, one, 65) {}')).toThrow('65 is no signal');
  });
});
