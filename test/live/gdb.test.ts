import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/command.js';
import { onOneCpu, reason, title } from '../linux/here.js';

const found = spawnSync('gdb', ['--version'], { encoding: 'utf8' });
const missing = reason ?? (found.error ? 'gdb is not installed' : undefined);

/** What gdb says to these commands, on the counters of examples/stress, stopped at the beginning of its section. */
function gdb(...commands: string[]): string {
  const begin = ['set pagination off', 'set confirm off', 'source contrib/gdb/rseqlab.py', 'break good_start', 'run good 1 1000', 'set variable $rseq_area = (long)&areas[0]']; // biome-ignore format: a list
  const args = [...begin, ...commands, 'delete', 'continue'].flatMap((command) => ['-ex', command]);
  const options = { cwd: ROOT, encoding: 'utf8', timeout: 60_000 } as const;
  // A thread that is moved to another CPU begins its section again by itself.
  return onOneCpu(() =>
    spawnSync('gdb', ['-q', '-nx', '-batch', ...args, 'examples/stress/counters'], options),
  ).stdout;
}

describe.skipIf(missing !== undefined)(missing === undefined ? 'gdb' : title(`gdb: ${missing}`), () => {
  it('knows sections, and who is inside', () => {
    const said = gdb('info rseq-sections', 'info rseq');
    expect(said.match(/^0x\w+ to 0x\w+ <\w+ \+ \d+>, abort 0x\w+, descriptor 0x\w+$/gm)).toHaveLength(8);
    expect(said).toMatch(/^\* thread 2 .*INSIDE: it is aborted when it goes on$/m);
    expect(said).toContain('counted 1000 of 1000');
  });

  it('says what it cannot know, in one line', () => {
    expect(gdb('set variable $rseq_area = $_nonexistent', 'info rseq')).toMatch(
      /^\* thread 2 .*: no struct rseq found /m,
    );
    const commands = ['source contrib/gdb/rseqlab.py', 'info rseq', 'rseq-step', 'rseq-step x'];
    const args = commands.flatMap((command) => ['-ex', command]);
    const { stderr } = spawnSync('gdb', ['-q', '-nx', '-batch', ...args], { cwd: ROOT, encoding: 'utf8' });
    expect(stderr.match(/is not being run\.$/gm)).toHaveLength(3);
    expect(stderr).not.toContain('Python');
  });

  it('steps through a section, where stepi comes to the abort handler', () => {
    expect(gdb('rseq-step 3')).toMatch(/^=> 0x\w+ <good\+\d+>:\s+shl /m);
    // What the command is for; with displaced stepping gdb would run a copy of the instruction elsewhere, and so disarm the section.
    expect(gdb('set displaced-stepping off', 'stepi', 'x/i $pc')).toMatch(/^=> 0x\w+ <good>:\s+mov /m);
  });
});
