import { describe, expect, it } from 'vitest';
import { explore } from '../../src/node/explore.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';

const FOLDER = 'test/explore/thread-local';
const VARIABLES = `${FOLDER}/variables.o`;

describe('thread-local variables of an object', () => {
  it.each([
    ['own', 'verified'],
    ['lost', 'counterexample'],
    ['registers', 'verified'],
  ])('%s: %s', async (scenario, verdict) => {
    const { results } = await explore(`${ROOT}${VARIABLES}`, { scenario });
    expect(results.map((each) => each.verdict)).toEqual([verdict]);
  });

  it('and of a struct rseq that is registered among them the program does not look at mm_cid', async () => {
    const { results } = await explore(`${ROOT}${VARIABLES}`, { scenario: 'registers' });
    expect(results[0]!.assumptions).toContain('no task looks at mm_cid (none did)');
  });

  it('have their names in a counterexample', () => {
    const { stdout } = rseqlab(['explore', '--scenario', 'lost', VARIABLES]);
    expect(stdout).toMatch(/ counted 0x28 -> 0x2a$/m);
    expect(stdout).toMatch(/ zero 0 -> 2$/m);
  });

  it('are there in a run as well', () => {
    expect(rseqlab(['run', '--scenario', 'own', VARIABLES])).toMatchObject({ status: 0, stdout: '' });
    expect(rseqlab(['run', '--scenario', 'lost', VARIABLES]).status).toBe(1);
  });

  it.each([
    [
      'by-call',
      ['--scenario', 'own'],
      /finds thread-local variables by a call, as shared libraries do; compile it without -fPIC/,
    ],
    [
      'undefined',
      ['--task', 'get()'],
      /uses elsewhere, thread-local, which it does not define: link what does into it/,
    ],
  ])('%s.o is refused', (name, options, message) => {
    expect(oneErrorLine(rseqlab(['explore', ...options, `${FOLDER}/${name}.o`]))).toMatch(message);
  });
});
