import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/event/event.js';
import { simulate } from './simulated.js';

type Annotated = Extract<Event, { kind: 'annotated' }>;

const SIGNAL = 'SIGUSR1';
const OTHER = 'SIGUSR2';

/** Runs a part of test/kernel/annotated/annotated.c. */
function run(architecture: string, part: string, schedule = 'rr', kernel = '6.18') {
  const { stdout, status, events } = simulate({
    program: `test/kernel/annotated/annotated-${architecture}`,
    arguments: [part],
    schedule,
    kernel,
    maxInstructions: 100_000,
  });
  const said = Object.fromEntries(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]),
  );
  const annotated = events.filter((event): event is Annotated => event.kind === 'annotated');
  return {
    said,
    status,
    annotated: annotated.map(({ name, cookie }) => `${name} ${cookie}`),
    aborts: events.filter(({ kind }) => kind === 'abort').length,
    handlers: events.filter((event) => event.kind === 'signal' && event.action === 'handler').length,
  };
}

/** The calling part, instruction by instruction: one more run each, until the signal comes behind it. */
function* everywhere(
  architecture: string,
  part: string,
  { more = '', from = 'begin', kernel = '6.18' }: { more?: string; from?: string; kernel?: string } = {},
) {
  for (let instructions = 0; ; instructions++) {
    const on = instructions === 0 ? '' : `run 1000 ${instructions}\n`;
    const schedule = `script:until @${from} 1000\n${on}signal 1000 ${SIGNAL}\n${more}`;
    const found = run(architecture, part, schedule, kernel);
    expect(found.status).toBe(0);
    if (found.said['handled'] === 0) return;
    yield found;
  }
}

describe.each(['x86-64', 'aarch64'])('%s: annotated calls (include/rseqlab_syscall.h)', (architecture) => {
  it('a signal in front of every instruction: what is annotated is the call that is meant', () => {
    let [times, aborts] = [0, 0];
    for (const found of everywhere(architecture, 'sweep')) {
      times++;
      aborts += found.aborts;
      expect(found.said).toMatchObject({ outer: 11, handled: 1, inner: 22, 'plain calls annotated': 0 });
      expect(found.annotated.toSorted()).toEqual(['getpid 1', 'getppid 2']);
    }
    expect(times).toBeGreaterThan(15);
    // In front of each instruction of the section.
    expect(aborts).toBeGreaterThanOrEqual(5);
  });

  it('and one in its handler, that makes annotated calls too', () => {
    let nested = 0;
    for (const found of everywhere(architecture, 'sweep', { more: `run 1000 12\nsignal 1000 ${OTHER}\n` })) {
      expect(found.said).toMatchObject({ outer: 11, inner: 22, 'plain calls annotated': 0 });
      expect(found.annotated.filter((call) => call === 'getpid 1')).toHaveLength(1);
      expect(found.annotated.filter((call) => call === 'getppid 2')).toHaveLength(found.handlers);
      if (found.handlers === 2) nested++;
    }
    expect(nested).toBeGreaterThan(10);
  });

  it('its naive twin annotates a call of the handler', () => {
    const wrong: string[][] = [];
    for (const { said, annotated } of everywhere(architecture, 'naive', { from: 'naive_begin' })) {
      expect(said['inner is annotated'] === 1).toBe(annotated.includes('getppid 1'));
      if (annotated.includes('getppid 1')) wrong.push(annotated);
    }
    expect(wrong.length).toBeGreaterThan(3);
  });

  it('SA_RESTART: the call starts over, and is annotated anew', () => {
    const { said, annotated, aborts } = run(architecture, 'restart');
    expect(said).toEqual({ rseq: 0, read: 1, handled: 1, byte: 120 });
    expect(annotated).toEqual(['read 3', 'read 3']);
    expect(aborts).toBe(1);
  });

  it.each([
    ['6.18', ['read 3', 'getppid 2', 'read 3']],
    ['7.1', ['read 3', 'getppid 2', 'read 3']],
    // A restart is no abort there, handler or not: what is left is what the handler has left.
    ['6.19', ['read 3', 'getppid 2']],
  ])('SA_RESTART on Linux %s, with a handler that makes annotated calls', (kernel, calls) => {
    const { said, annotated } = run(architecture, 'restart-annotated', 'rr', kernel);
    expect(said).toEqual({ rseq: 0, read: 1, handled: 1, byte: 120 });
    expect(annotated).toEqual(calls);
  });

  it('without SA_RESTART it is over', () => {
    const { said, annotated, aborts } = run(architecture, 'eintr');
    expect(said).toEqual({ rseq: 0, read: -4, handled: 1, byte: 0 });
    expect(annotated).toEqual(['read 3']);
    expect(aborts).toBe(0);
  });

  it('fork: what was said is over for the child, behind the section', () => {
    const { said, annotated } = run(architecture, 'fork');
    expect(said).toMatchObject({ "child's word": 0, "child's call": 0, status: 3 << 8, again: 11 });
    expect(annotated).toEqual(['clone 3', 'getpid 1']);
  });

  it('on Linux 7.1 too', () => {
    for (const { said, annotated } of everywhere(architecture, 'sweep', { kernel: '7.1' })) {
      expect(said).toMatchObject({ outer: 11, inner: 22, 'plain calls annotated': 0 });
      expect(annotated.toSorted()).toEqual(['getpid 1', 'getppid 2']);
    }
  });

  it('on 6.19 as well, but for arm64, whose kernel aborts nothing: the word is gone', () => {
    const outer = [...everywhere(architecture, 'sweep', { kernel: '6.19' })].map(({ said }) => said['outer']);
    expect(outer.some((value) => value !== 11)).toBe(architecture === 'aarch64');
  });
});
