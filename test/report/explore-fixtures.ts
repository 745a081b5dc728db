import {
  type Counts,
  EXPLORE_SCHEMA,
  type ExploreDocument,
  type Row,
  type Verdict,
} from '../../src/explore/timeline.js';
import { COLD, EARLY, h, memory, own, register, UNCHECKED } from './explore-program.js';

/** Documents made by hand: what an exploration of examples like these would say. */

const REDUCTIONS = [
  { name: 'task symmetry', on: true, option: '--no-task-symmetry' },
  { name: 'CPU symmetry', on: true, option: '--no-cpu-symmetry' },
  { name: 'fusion of invisible instructions', on: true, option: '--no-fusion' },
  { name: 'dead registers', on: true, option: '--no-dead-registers' },
  { name: 'sleep sets', on: false, option: '--sleep-sets' },
] as const;

const ASSUMPTIONS = [
  'each task runs on the simulated kernel by the rules of Linux 6.18, without rseq debugging',
  'memory is sequentially consistent: loads and stores take effect in program order (--memory tso adds store buffers)',
  'at most 2 CPUs; each task may be preempted, migrated or signalled at every instruction boundary, and only there',
  'two different states were not taken for one (--exact compares whole states)',
];

const COUNTS: Counts = {
  states: 1_204,
  transitions: 2_911,
  layers: 4,
  locals: 118,
  memories: 3,
  abortPoints: { covered: 4, all: 4 },
};

const verdict = (rest: Partial<Verdict> & Pick<Verdict, 'verdict' | 'sentence'>): Verdict => ({
  scenario: 'count',
  claim: 'no increment is lost',
  tasks: [
    { name: 'one', signals: [] },
    { name: 'two', signals: [] },
  ],
  options: { cpus: 1, kernel: '6.18', debugRseq: false, memory: 'sc' },
  counts: COUNTS,
  sections: [EARLY.coverage(() => true)],
  reductions: REDUCTIONS,
  store: { exact: false, fingerprintBits: 64, collisionBound: 3.9e-14 },
  assumptions: ASSUMPTIONS,
  effort: { seconds: 0.21, jobs: 2, bytesPerState: 24 },
  ...rest,
});
const document = (file: string, ...results: readonly Verdict[]): ExploreDocument => ({
  schema: EXPLORE_SCHEMA,
  version: '0.1.0',
  file,
  results,
});

const COUNTER = { name: 'counters[0]', address: h(0x404040), size: 8, initial: h(0) } as const;
const ARMED = 0x403f20;

/** One undisturbed increment of EARLY, from `value` to the one above. */
const increment = (task: number, cpu: number, value: number, name: string, rax = 0): Row[] => [
  EARLY.execute(task, cpu, 0x0),
  EARLY.execute(task, cpu, 0x2, rax === value ? [] : [register('rax', rax, value)], {
    reads: [{ name, value: h(value) }],
  }),
  EARLY.execute(task, cpu, 0x6, [register('r8', 0, ARMED)]),
  EARLY.execute(task, cpu, 0xd, [own('rseq_cs', 0, ARMED)]),
  EARLY.execute(task, cpu, 0x11),
  EARLY.execute(task, cpu, 0x14),
  EARLY.execute(task, cpu, 0x1a, [register('rax', value, value + 1)]),
  EARLY.execute(task, cpu, 0x1d, [memory(name, value, value + 1)]),
  EARLY.execute(task, cpu, 0x21),
];

/** Two tasks on one CPU: one reads the counter in front of its section, and is preempted. */
export const LOST: ExploreDocument = document(
  'examples/explore/early.o',
  verdict({
    verdict: 'counterexample',
    sentence: 'counters[0] is 1 after two increments',
    sections: [EARLY.coverage((offset) => offset < 0x1a)],
    counts: { ...COUNTS, abortPoints: { covered: 2, all: 4 } },
    counterexample: {
      cost: 3,
      violation: { kind: 'final', text: 'sum() == 2 does not hold (early.c:41)', row: 24 },
      explanation:
        'task one read counters[0] (0) at increment+0x2, before its section was armed; task two added 1 to it in between, which one then overwrote',
      watched: [COUNTER],
      rows: [
        EARLY.kernel('resume', 0, 0, 0x0, 'starts on cpu 0'),
        ...increment(0, 0, 0, 'counters[0]', 0x2f).slice(0, 2),
        EARLY.kernel('preempt', 0, 0, 0x6, 'preempt'),
        EARLY.kernel('resume', 1, 0, 0x0, 'starts on cpu 0'),
        ...increment(1, 0, 0, 'counters[0]', 0x2f),
        EARLY.kernel('end', 1, 0, 0x21, 'finished'),
        EARLY.kernel('resume', 0, 0, 0x6, 'resume on cpu 0'),
        ...increment(0, 0, 0, 'counters[0]').slice(2, 7),
        // It overwrites what it has not seen.
        EARLY.execute(0, 0, 0x1d, [memory('counters[0]', 1, 1)]),
        EARLY.execute(0, 0, 0x21),
        EARLY.kernel('end', 0, 0, 0x21, 'finished'),
        EARLY.kernel('end', 0, 0, 0x21, 'all tasks have finished: RSEQLAB_FINALLY'),
      ],
      traceFile: 'early.trace',
    },
  }),
);

/** Two CPUs: a signal aborts a section; a migration in front of another one leaves it with the wrong CPU's number. */
export const MIGRATION: ExploreDocument = document(
  'examples/explore/unchecked.o',
  verdict({
    verdict: 'counterexample',
    sentence: 'counters[0] is 1 after two increments of it',
    tasks: [
      { name: 'mover', signals: [] },
      { name: 'stayer', signals: ['SIGUSR1'] },
    ],
    options: { cpus: 2, kernel: '6.19', debugRseq: true, memory: 'sc', maxAborts: 3 },
    sections: [UNCHECKED.coverage(() => true)],
    counterexample: {
      cost: 5,
      violation: { kind: 'final', text: 'counters[0] == 2 does not hold (unchecked.c:41)', row: 26 },
      explanation:
        'task mover took the number of cpu 0 and was moved to cpu 1; its section does not compare it, so it added to counters[0] while task stayer did on cpu 0',
      watched: [
        COUNTER,
        { name: 'counters[1]', address: h(0x404048), size: 8, initial: '0xffffffffffffffff' },
      ],
      rows: [
        UNCHECKED.kernel('resume', 0, 0, 0x0, 'starts on cpu 0'),
        UNCHECKED.execute(0, 0, 0x0),
        UNCHECKED.kernel('preempt', 0, 0, 0x2, 'preempt'),
        UNCHECKED.kernel('resume', 1, 0, 0x0, 'starts on cpu 0'),
        UNCHECKED.execute(1, 0, 0x0),
        UNCHECKED.execute(1, 0, 0x2, [register('r8', 0, ARMED)]),
        UNCHECKED.execute(1, 0, 0x9, [own('rseq_cs', 0, ARMED)]),
        UNCHECKED.execute(1, 0, 0xd, [register('rax', 0x2f, 0)], {
          reads: [{ name: 'counters[0]', value: '0x0' }],
        }),
        UNCHECKED.kernel(
          'signal',
          1,
          0,
          0x11,
          'SIGUSR1: handler on_signal, abort at increment+0x11 -> increment.cold',
          { signal: 'SIGUSR1', abort: UNCHECKED.abortAt(0x11), changes: [own('rseq_cs', ARMED, 0)] },
        ),
        {
          kind: 'execute',
          task: 1,
          cpu: 0,
          ip: '0x401300',
          place: 'on_signal',
          text: 'ret',
          changes: [register('rsp', 0x7ffc_0e38, 0x7ffc_0e40)],
          source: { file: 'examples/explore/unchecked.c', line: 30 },
        },
        UNCHECKED.execute(1, 0, COLD),
        UNCHECKED.execute(1, 0, 0x0),
        UNCHECKED.execute(1, 0, 0x2),
        UNCHECKED.execute(1, 0, 0x9, [own('rseq_cs', 0, ARMED)]),
        UNCHECKED.execute(1, 0, 0xd, [], { reads: [{ name: 'counters[0]', value: '0x0' }] }),
        UNCHECKED.kernel('resume', 0, 1, 0x2, 'resume on cpu 1 (migrate 0 to 1)', {
          migrate: { from: 0, to: 1 },
          changes: [own('cpu_id_start', 0, 1), own('cpu_id', 0, 1), own('mm_cid', 0, 1)],
        }),
        UNCHECKED.execute(0, 1, 0x2, [register('r8', 0, ARMED)]),
        UNCHECKED.execute(0, 1, 0x9, [own('rseq_cs', 0, ARMED)]),
        UNCHECKED.execute(0, 1, 0xd, [register('rax', 0x2f, 0)], {
          reads: [{ name: 'counters[0]', value: '0x0' }],
        }),
        UNCHECKED.execute(1, 0, 0x11, [register('rax', 0, 1)]),
        UNCHECKED.execute(0, 1, 0x11, [register('rax', 0, 1)]),
        UNCHECKED.execute(1, 0, 0x14, [memory('counters[0]', 0, 1)]),
        UNCHECKED.execute(1, 0, 0x18),
        UNCHECKED.kernel('end', 1, 0, 0x18, 'finished'),
        UNCHECKED.execute(0, 1, 0x14, [memory('counters[0]', 1, 1)]),
        UNCHECKED.execute(0, 1, 0x18),
        UNCHECKED.kernel('end', 0, 1, 0x18, 'finished'),
      ],
    },
  }),
);

/** Store buffers, a membarrier, and a loop that never ends. */
export const STORES: ExploreDocument = document(
  'examples/explore/stores.o',
  verdict({
    verdict: 'counterexample',
    scenario: 'drain',
    claim: '',
    sentence: 'task one loops for ever, with no further interruption',
    options: { cpus: 2, kernel: '7.1', debugRseq: false, memory: 'tso' },
    sections: [],
    counts: { ...COUNTS, abortPoints: { covered: 0, all: 0 } },
    counterexample: {
      cost: 2,
      violation: { kind: 'livelock', text: 'nothing ends this loop', row: 8, loop: 7 },
      explanation: 'task one waits for a store that task two never makes',
      watched: [COUNTER],
      rows: [
        EARLY.kernel('resume', 0, 0, 0x0, 'starts on cpu 0'),
        EARLY.kernel('resume', 1, 1, 0x0, 'starts on cpu 1'),
        EARLY.execute(0, 0, 0x1d, [{ ...memory('counters[0]', 0, 9), kind: 'buffer' }]),
        EARLY.execute(0, 0, 0x6),
        EARLY.execute(1, 1, 0x21, [], { kernel: 'membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0) = 0' }),
        EARLY.kernel('fence', 0, 0, 0xd, 'membarrier of two: fence'),
        EARLY.kernel('flush', 0, 0, 0xd, 'a store leaves the store buffer', {
          changes: [memory('counters[0]', 0, 9)],
        }),
        EARLY.execute(0, 0, 0x11),
        EARLY.execute(0, 0, 0x14),
      ],
    },
  }),
);

export const VERIFIED: ExploreDocument = document(
  'examples/explore/mended.o',
  verdict({
    verdict: 'verified',
    sentence: 'no increment is lost, whatever interrupts its tasks',
    counts: {
      states: 6_204_118,
      transitions: 21_880_342,
      layers: 31,
      locals: 1_417,
      memories: 88,
      abortPoints: { covered: 4, all: 4 },
    },
    effort: { seconds: 4.82, jobs: 2, bytesPerState: 24.4 },
  }),
);

/** Ended early, with instructions that were never aborted at; all states compared whole. */
export const BOUNDED: ExploreDocument = document(
  'examples/explore/early.o',
  verdict({
    verdict: 'bounded',
    sentence: 'no violation so far',
    bound: { kind: 'states', text: '--max-states 1000000 was reached', completeLayers: 6 },
    options: { cpus: 2, kernel: '6.18', debugRseq: false, memory: 'tso', maxStates: 1_000_000 },
    counts: {
      states: 1_000_000,
      transitions: 3_118_204,
      layers: 7,
      locals: 390,
      memories: 41,
      abortPoints: { covered: 2, all: 4 },
    },
    sections: [EARLY.coverage((offset) => offset < 0x1a)],
    store: { exact: true, fingerprintBits: 0, collisionBound: 0 },
  }),
);

/** Names that are not what they seem: they come from the file. */
export const HOSTILE: ExploreDocument = JSON.parse(
  JSON.stringify(LOST)
    .replaceAll('increment', '</script><img src=x onerror=alert(1)>')
    .replaceAll('counters[0]', '<b>&quot;\\u001b[31m'),
);

/** A long one: `rounds` times an increment of each of `tasks` tasks, every task on a CPU of its own, in turns. */
export function long(rounds: number, tasks = 2): ExploreDocument {
  const rows: Row[] = [];
  for (let task = 0; task < tasks; task++)
    rows.push(EARLY.kernel('resume', task, task, 0, `starts on cpu ${task}`));
  for (let round = 0; round < rounds; round++) {
    for (let task = 0; task < tasks; task++) rows.push(...increment(task, task, round, `counters[${task}]`));
    if (round % 10 === 9) {
      const task = round % tasks;
      rows.push(
        EARLY.kernel(
          'signal',
          task,
          task,
          0x1a,
          'SIGUSR1: handler, abort at increment+0x1a -> increment.cold',
          {
            signal: 'SIGUSR1',
            abort: EARLY.abortAt(0x1a),
          },
        ),
      );
    }
  }
  const names = Array.from({ length: tasks }, (_, task) => ({ name: `task${task}`, signals: ['SIGUSR1'] }));
  return document(
    'examples/explore/long.o',
    verdict({
      verdict: 'counterexample',
      sentence: 'an increment is lost',
      tasks: names,
      options: { cpus: tasks, kernel: '6.18', debugRseq: false, memory: 'sc' },
      counterexample: {
        cost: tasks,
        violation: { kind: 'final', text: 'sum() == 2 does not hold', row: rows.length - 1 },
        explanation: 'An increment is lost.',
        watched: names.map((_, task) => ({
          name: `counters[${task}]`,
          address: h(0x404040 + 8 * task),
          size: 8,
          initial: h(0),
        })),
        rows,
      },
    }),
  );
}
