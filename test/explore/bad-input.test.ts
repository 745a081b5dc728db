import { describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';

const explore = (file: string, ...options: string[]) =>
  rseqlab(['explore', ...options, `test/explore/bad-input/${file}.o`]);
const bad = (scenario: string, ...options: string[]) => explore('bad', '--scenario', scenario, ...options);

describe('what cannot be explored', () => {
  it.each([
    [
      'avx',
      /the instruction vaddps %ymm0,%ymm1,%ymm2 \(c5f458d0\) at 0x\w+ is not there .*: compile without it/,
    ],
    ['setup_dies', /setup of scenario setup_dies is killed by SIGILL: look at it with rseqlab run/],
    ['invariant_calls', /RSEQLAB_INVARIANT\(invariant_calls\) can make no system calls/],
    ['futex', /a task calls futex\(2\), which exploration does not have; rseqlab run can run it/],
  ])('%s is refused in one line', (scenario, message) => {
    expect(oneErrorLine(bad(scenario))).toMatch(message);
  });

  it('an object that needs others', () => {
    expect(oneErrorLine(explore('undefined', '--task', 'use_one()'))).toMatch(
      /uses one, two, three, four, five, six, seven, eight and 2 more, which it does not define/,
    );
  });

  it('an object with constructors, which nobody would run', () => {
    expect(oneErrorLine(explore('constructor', '--task', 'run()'))).toMatch(
      /has constructors of static objects/,
    );
  });

  it('a scenario without a task', () => {
    expect(oneErrorLine(explore('no-task'))).toMatch(
      /scenario idle has no task: add RSEQLAB_TASK\(idle, \.\.\.\)/,
    );
  });
});

describe('what crashes', () => {
  const counterexampleOf = (scenario: string) => {
    const { status, stdout } = bad(scenario, '--format', 'json');
    const { results } = JSON.parse(stdout) as ExploreDocument;
    expect(status).toBe(1);
    return results[0]!;
  };

  it('an instruction that no processor has is a SIGILL', () => {
    expect(counterexampleOf('ud2').counterexample!.violation).toMatchObject({
      kind: 'crash',
      text: expect.stringContaining('SIGILL'),
    });
  });

  it('a section that is said to go on behind all code: points are where code is', () => {
    const { counterexample, counts } = counterexampleOf('length');
    expect(counterexample!.violation.text).toMatch(/abort_ip 0x\w+ lies inside the section/);
    expect(counts.abortPoints.all).toBeLessThan(4096);
  });

  it('an invariant, before anything has been explored', () => {
    const { counterexample, effort } = counterexampleOf('invariant_dies');
    expect(counterexample!.violation.text).toMatch(
      /^RSEQLAB_INVARIANT\(invariant_dies\) crashes, by the instruction at/,
    );
    expect(effort).not.toHaveProperty('bytesPerState');
  });
});

it('a task that never ends is never verified', () => {
  const { status, stdout } = bad('endless', '--max-states', '200');
  expect(status).toBe(3);
  expect(stdout).toMatch(/^bounded: /m);
});
