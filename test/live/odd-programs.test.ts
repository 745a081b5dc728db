/** Programs that do something odd besides their sections (test/fixtures/live/odd.c): what is traced is what it would be without a tracer. */
import { describe, expect, it } from 'vitest';
import type { StressDocument } from '../../src/report/stress-document.js';
import { rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const ODD = 'test/fixtures/live/odd';
const ROUNDS = '1000000';

function stress(...args: string[]): StressDocument {
  const { status, stdout, stderr } = rseqlab(['stress', '--format', 'json', ...args, ROUNDS]);
  if (stdout === '') throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(stdout) as StressDocument;
}

const UNREGISTERED = /^1 thread that had no struct rseq registered came to a section/;

describe.skipIf(reason !== undefined)(title('a program that handles SIGTRAP'), () => {
  it.each([[['stress']], [['stress', '--hardware']], [['enforce']], [['annotate']], [['step']]])(
    'gets its own traps and steps under %j',
    (args) => {
      expect(rseqlab([...args, '--', ODD, 'traps', '1000'])).toMatchObject({ status: 0 });
    },
  );
});

describe.skipIf(reason !== undefined)(title('a thread that has registered no struct rseq'), () => {
  it.each([[[]], [['--hardware']]])('counts elsewhere, which is right: %j', (args) => {
    const document = stress(...args, '--', ODD, 'late');
    expect(document).toMatchObject({ verdict: 'survived', coverage: { percent: 100 } });
    expect(document.limits).toContainEqual(expect.stringMatching(UNREGISTERED));
  });

  it('is met, but not aborted', () => {
    const document = stress('--', ODD, 'never');
    expect(document).toMatchObject({ verdict: 'inconclusive', effort: { aborts: 0 } });
    expect(document.limits).toContainEqual(expect.stringMatching(UNREGISTERED));
  });

  it('is found out where it stores all the same', () => {
    const document = stress('--no-bisect', '--', ODD, 'reckless');
    expect(document).toMatchObject({ verdict: 'failed', failure: { kind: 'unprotected' } });
    const stores = document.sections[0]!.points.filter(({ unprotected }) => unprotected > 0);
    expect(stores.map(({ text }) => text)).toEqual(['mov %rcx,(%rsi,%rdx)']);
  });
});

describe.skipIf(reason !== undefined)(title('a program with seccomp filters of its own'), () => {
  it('is not killed by the calls that it is made to make', () => {
    const document = stress('--cause', 'membarrier', '--', ODD, 'filtered');
    expect(document).toMatchObject({
      verdict: 'survived',
      program: { status: 0 },
      coverage: { percent: 100 },
    });
  });

  // Whoever may not suspend them says so (`not watched`).
  it('is watched by a filter, or not', () => {
    const { status, stdout, stderr } = rseqlab([
      'enforce',
      '--',
      ODD,
      'sandbox',
      'test/fixtures/live/before',
    ]);
    expect(stdout).toBe('1 committed, mode 2\n');
    expect(stderr).toMatch(status === 1 ? /1 system call inside/ : /not watched: .*CAP_SYS_ADMIN/);
  });
});
