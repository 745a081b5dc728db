import { describe, expect, it } from 'vitest';
import { Live } from '../cli/live.js';
import { noPerf, noPtrace, title } from '../trace/here.js';
import { eventually, Program } from '../trace/process.js';

/** How often each way is tried. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 100);
/** At any moment of the tool's life: so long after its start, in milliseconds. */
const moment = (round: number): number => 100 + ((round * 37) % 900);
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.each([
  ['perf', [], noPerf],
  ['perf with watchpoints', ['--abuse'], noPerf],
  ['ptrace', ['--source', 'ptrace'], noPtrace],
] as const)('trace by %s, killed at any moment', (_, options, reason) => {
  it.skipIf(reason)(title('leaves a process that runs alone', reason), async () => {
    const program = new Program('examples/trace/busy', '3600000');
    for (let round = 0; round < ROUNDS; round++) {
      const live = new Live(['trace', ...options, '-p', `${program.pid}`]);
      await sleep(moment(round));
      live.signal('SIGKILL');
      await live.status();
      await eventually(() => program.isFree);
    }
    program.terminate();
    expect(await program.end()).toEqual({ end: 0, output: expect.stringMatching(/^counted to \d+\n$/) });
  });

  it.skipIf(reason)(title('leaves a command that has begun alone', reason), async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const live = new Live(['trace', ...options, '--', 'test/trace/programs/later']);
      await live.until(({ stderr }) => stderr.includes(' rseq('));
      await sleep(round * 7);
      live.signal('SIGKILL');
      await live.end();
      expect(live.stdout).toBe('registered 20 of 20\n');
    }
  });
});
