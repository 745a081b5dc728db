import { describe, expect, it } from 'vitest';
import { parseCpus } from '../../src/linux/perf.js';
import { parseFormat } from '../../src/linux/tracefs.js';
import { type Interruptions, inferCause } from '../../src/live/trace/cause.js';
import { hashTaskId } from '../../src/report/trace-tracee.js';

const US = 1000;
const NOW = 1e9;
const nothing: Interruptions = {
  out: undefined,
  next: undefined,
  in: undefined,
  signal: undefined,
  barrier: undefined,
};
const seen = (more: Partial<Interruptions>) => inferCause(NOW, { ...nothing, ...more });
const away = (from: number, to: number, microseconds: number, preempted = true): Partial<Interruptions> => ({
  out: { time: NOW - (microseconds + 5) * US, cpu: from, preempted },
  in: { time: NOW - 5 * US, cpu: to },
  next: { name: 'cc1', tid: 77, state: preempted ? 0 : 2 },
});

describe('the cause of an abort', () => {
  it('is the switch that the thread has just come back from', () => {
    expect(seen(away(0, 0, 900))).toEqual({
      causes: ['preempt'],
      guess: false,
      by: 'cc1/77',
      lost: 905 * US,
    });
    expect(seen(away(0, 1, 900)).causes).toEqual(['preempt', 'migrate']);
    expect(seen(away(0, 0, 900, false)).by).toBe('it waited in the kernel, cc1/77 ran');
  });

  it('is a signal, and the switch on the way to it', () => {
    const signal = { time: NOW - 2 * US, number: 10 };
    expect(seen({ signal })).toEqual({ causes: ['signal'], guess: false, by: 'SIGUSR1', lost: 2 * US });
    expect(seen({ ...away(1, 1, 10), signal })).toMatchObject({
      causes: ['preempt', 'signal'],
      by: 'cc1/77, SIGUSR1',
    });
    // It came back long before: that was another time in the kernel.
    const before = { out: { time: NOW - 9e6, cpu: 0, preempted: true }, in: { time: NOW - 8e6, cpu: 0 } };
    expect(seen({ ...before, signal }).causes).toEqual(['signal']);
  });

  it('is a stop by a tracer', () => {
    const stop = { ...away(0, 0, 50, false), next: { name: 'swapper/0', tid: 0, state: 8 } };
    expect(seen(stop)).toMatchObject({ causes: ['ptrace'], by: undefined });
  });

  it('is membarrier(2), where nothing else was seen; a guess, when that is long ago', () => {
    expect(seen({ barrier: NOW - 20 * US })).toMatchObject({ causes: ['membarrier'], guess: false });
    expect(seen({ barrier: NOW - 2000 * US })).toMatchObject({ causes: ['membarrier'], guess: true });
    expect(seen({ ...away(0, 0, 50), barrier: NOW - 20 * US }).causes).toEqual(['preempt']);
  });

  it('is a guess where nothing fits', () => {
    expect(seen({})).toEqual({ causes: ['interrupt'], guess: true, by: undefined, lost: undefined });
    const late = { out: { time: NOW - 2e6, cpu: 0, preempted: true }, in: { time: NOW - 1e6, cpu: 1 } };
    expect(seen(late)).toMatchObject({ causes: ['preempt', 'migrate'], guess: true });
  });
});

describe('what the kernel writes for machines', () => {
  it('formats of tracepoints', () => {
    const text = `name: rseq_ip_fixup
ID: 591
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned long regs_ip;	offset:8;	size:8;	signed:0;
	field:char next_comm[16];	offset:40;	size:16;	signed:0;
	field:__data_loc char[] comm;	offset:56;	size:4;	signed:0;

print fmt: "regs_ip=0x%lx", REC->regs_ip
`;
    expect(parseFormat(text)).toEqual({
      id: 591,
      fields: new Map([
        ['common_type', { offset: 0, size: 2, signed: false }],
        ['common_pid', { offset: 4, size: 4, signed: true }],
        ['regs_ip', { offset: 8, size: 8, signed: false }],
        ['next_comm', { offset: 40, size: 16, signed: false }],
        ['comm', { offset: 56, size: 4, signed: false }],
      ]),
    });
  });

  it('lists of CPUs', () => {
    expect(parseCpus('0-3,8\n')).toEqual([0, 1, 2, 3, 8]);
    expect(parseCpus('0\n')).toEqual([0]);
  });
});

it("Tracee's hash of a thread depends on its id, and on its start to 0.1 s", () => {
  expect(hashTaskId(1, 100_000_000n)).toBe(hashTaskId(1, 199_999_999n));
  expect(hashTaskId(1, 100_000_000n)).not.toBe(hashTaskId(1, 200_000_000n));
  expect(hashTaskId(1, 100_000_000n)).not.toBe(hashTaskId(2, 100_000_000n));
});
