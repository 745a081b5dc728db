import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

/** examples/checkpoint/freeze.c with -DRSEQLAB_NATIVE: glibc's rseq, and ptrace of the program by a process of its own. */
const freeze = (name: string, rounds: number) =>
  spawnSync(join(ROOT, `test/fixtures/live/${name}`), ['freeze', `${rounds}`], { encoding: 'utf8' });
const plain = freeze('freeze', 1);
const missing =
  reason ?? (plain.status === 0 ? undefined : plain.stderr || 'glibc 2.35 or newer is not here');

describe.skipIf(missing !== undefined)(
  missing === undefined
    ? 'checkpointers on the real kernel'
    : title(`checkpointers on the real kernel: ${missing}`),
  () => {
    it('count right where threads go on at their abort handlers', () => {
      expect(freeze('freeze', 300)).toMatchObject({ status: 0, stderr: '' });
    });

    // A round in which the thread is stopped inside, and the other one counts meanwhile, comes soon; how soon is for the scheduler to say.
    it.each(['freeze-keep', 'freeze-late'])('%s loses an increment', (name) => {
      const { status, stderr } = freeze(name, 100_000);
      expect(stderr).toMatch(/freeze\.c:\d+: sum\(\) == 2 does not hold\n$/);
      expect(status).toBe(1);
    });
  },
);
