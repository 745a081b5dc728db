import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepDocument } from '../../src/report/step-document.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { onOneCpu, reason, title, untoldMappings } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';

describe.skipIf(reason !== undefined)(title('step'), () => {
  it('leads a thread through a section to its commit, and the program ends as it would', () => {
    const { status, stdout, stderr } = rseqlab([
      'step',
      '--format',
      'json',
      '--',
      COUNTERS,
      'good',
      '1',
      '1000',
    ]);
    const { walks } = JSON.parse(stdout) as StepDocument;
    expect(walks).toHaveLength(1);
    const [walk] = walks;
    expect(walk).toMatchObject({ function: 'good', left: { ip: walk!.endIp, how: 'commit' } });
    expect(walk!.steps.map(({ text }) => text.split(' ')[0])).toEqual([
      'cmp',
      'jne',
      'mov',
      'shl',
      'mov',
      'inc',
      'mov',
    ]);
    const increment = walk!.steps[5]!.changes.find(({ register }) => register === 'rcx')!;
    expect(Number(increment.after)).toBe(Number(increment.before) + 1);
    expect(stderr).toBe('counted 1000 of 1000\n');
    expect(status).toBe(0);
  });

  it('waits for the section that is asked for, as often as is asked for', () => {
    const args = ['--', '/bin/sh', '-c', `${COUNTERS} good 2 1000 && ${COUNTERS} commit-not-last 2 1000000`];
    // A thread that is moved to another CPU on its way would leave by a side exit.
    const { stdout } = onOneCpu(() => rseqlab(['step', '--section', 'commit', '--count', '3', ...args]));
    expect(stdout.match(/^thread \d+ enters commit_not_last in counters/gm)).toHaveLength(3);
    expect(stdout.match(/out: committed/g)).toHaveLength(3);
  });

  const why = reason ?? untoldMappings();
  it.skipIf(why !== undefined).each([
    ['mmap', 'itself'],
    ['mprotect', 'thread'],
    ['mmap', 'exec'],
  ])(title('waits also in code that a program maps itself, and runs once: %s %s', why), (...words) => {
    const { status, stdout } = rseqlab(['step', '--', join(ROOT, 'test/fixtures/live/twice'), ...words]);
    // A system call among them is a step like any other.
    expect(stdout).toMatch(/mov %ecx,%eax .*\n.* syscall .*\n.* incq \(%rdx\).*\n.* out: committed\n$/);
    expect(status).toBe(0);
  });

  it('says when nobody came', () => {
    const { status, stdout } = rseqlab(['step', '--section', 'nowhere', '--', COUNTERS, 'good']);
    expect({ status, stdout }).toEqual({
      status: 3,
      stdout: 'there was no such section to wait for; rseqlab sections FILE lists those of a file\n',
    });
    const others = rseqlab(['step', '--section', 'arming_gap', '--', COUNTERS, 'good']);
    expect(others).toMatchObject({
      status: 3,
      stdout: 'no thread came to a section: 1 section waited for\n',
    });
    expect(oneErrorLine(rseqlab(['step']))).toContain('-p');
  });
});
