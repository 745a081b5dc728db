/** What `explore` must say of a scenario, and what `run` shows of it. */
export interface Expected {
  /** From the repository's root. */
  readonly object: string;
  readonly scenario: string;
  readonly cpus: number;
  /** 6.18 where it is not said. */
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  /** sc where it is not said. */
  readonly memory?: 'sc' | 'tso';
  readonly verdict: 'verified' | 'counterexample';
  /**
   * Of a counterexample. `assert` of a task, `final` of RSEQLAB_FINALLY: the claim contains `says`; `rseq`: the kernel kills for a broken
   * rule; `crash`; `livelock`: it spins for ever though nothing interrupts it any more.
   */
  readonly violation?: 'assert' | 'final' | 'rseq' | 'crash' | 'livelock';
  readonly says?: string;
  /** It takes long: for long tests. */
  readonly large?: boolean;
  /** A restless run that shows it (test/explore/examples/runs.ts); runs know no store buffers. */
  readonly seen?: { readonly cpus: number; readonly seed: number };
}

const EXAMPLES = 'examples/explore';
const OBJECTS = 'test/explore/examples/objects';

type Row = Omit<Expected, 'object' | 'scenario' | 'verdict' | 'cpus'> & { readonly cpus?: number };

const verified = (object: string, scenario: string, row: Row = {}): Expected => ({
  cpus: 2,
  ...row,
  object,
  scenario,
  verdict: 'verified',
});

const counterexample =
  (violation: NonNullable<Expected['violation']>) =>
  (object: string, scenario: string, row: Row = {}): Expected => ({
    cpus: 2,
    ...row,
    object,
    scenario,
    verdict: 'counterexample',
    violation,
  });

const claim =
  (violation: 'assert' | 'final') =>
  (object: string, scenario: string, says: string, row: Row = {}): Expected =>
    counterexample(violation)(object, scenario, { ...row, says });

const killed = counterexample('rseq');
const crashed = counterexample('crash');
const spins = counterexample('livelock');
const assertion = claim('final');
const ofTask = claim('assert');

/** Right: scenarios of the sources in examples/explore, by cpu_id and by mm_cid. */
const RIGHT: Readonly<Record<string, readonly string[]>> = {
  counter: ['count'],
  counters: ['add2', 'add3', 'add4', 'deref2', 'deref3', 'deref4', 'serial'],
  list: ['push_pop', 'push_pop3', 'push_pop4', 'aba'],
  buffer: ['push_pop', 'push_pop3', 'push_pop4'],
  copies: ['push_pop', 'push_pop3', 'push_pop4'],
  lock: ['lock2', 'lock3', 'lock4'],
  slab: ['push_pop', 'push_pop3', 'push_pop4'],
  signal: ['one', 'two', 'three'],
};

const LARGE: ReadonlySet<string> = new Set([
  'list push_pop4',
  'buffer push_pop4',
  'copies push_pop3',
  'copies push_pop4',
  'slab push_pop4',
]);

const right = Object.entries(RIGHT).flatMap(([name, scenarios]) =>
  scenarios.flatMap((scenario) => {
    const row = {
      // Four threads that copy have more than eighty million states on two CPUs.
      ...(name === 'copies' && scenario === 'push_pop4' ? { cpus: 1 } : {}),
      ...(LARGE.has(`${name} ${scenario}`) ? { large: true } : {}),
    };
    return [
      verified(`${EXAMPLES}/${name}.o`, scenario, row),
      verified(`${OBJECTS}/${name}-cid.o.gz`, scenario, row),
    ];
  }),
);

const onThree = ['counter', 'list', 'slab'].map((name) =>
  verified(`${EXAMPLES}/${name}.o`, RIGHT[name]![0]!, { cpus: 3 }),
);

const example = (name: string): string => `${EXAMPLES}/${name}.o`;

const alone: readonly Expected[] = [
  verified(example('slab'), 'push_drain'),
  verified(example('slab'), 'pop_drain'),
  verified(example('slab'), 'push_pop_drain'),
  verified(example('cancel'), 'cancel'),
  verified(example('annotate'), 'annotate'),
  verified(example('annotated'), 'annotated'),
  // The kernel writes cpu_id_start behind every switch and fence, up to 6.18.
  verified(example('cached-cpu'), 'cached'),
  verified(example('cached-cpu'), 'cached3'),
  verified(example('cached-cpu'), 'cached', { kernel: '6.3' }),
];

const wrong: readonly Expected[] = [
  assertion(example('counter-bug'), 'count', 'sum() == 2', { seen: { cpus: 1, seed: 38 } }),
  assertion(example('list-bug'), 'aba', 'all_there(2)', { seen: { cpus: 1, seed: 23 } }),
  assertion(example('slab-no-fence'), 'push_drain', 'all_there(2)', { seen: { cpus: 2, seed: 1 } }),
  assertion(example('slab-no-fence'), 'pop_drain', 'all_there(1)', { seen: { cpus: 2, seed: 1 } }),
  assertion(example('slab-one-fence'), 'push_drain', 'all_there(2)', { seen: { cpus: 2, seed: 1155 } }),
  assertion(example('slab-one-fence'), 'pop_drain', 'all_there(1)', { seen: { cpus: 2, seed: 1155 } }),
  assertion(example('signal-bug'), 'one', 'sum() == 1 + arrived[0]', { seen: { cpus: 1, seed: 8 } }),
  ofTask(example('cancel-bug'), 'cancel', '!called', { seen: { cpus: 1, seed: 26 } }),
  assertion(example('annotate-bug'), 'annotate', 'mistaken == 0', { seen: { cpus: 1, seed: 4 } }),
  assertion(example('annotated-bug'), 'annotated', 'outer_result == -1', { seen: { cpus: 1, seed: 4 } }),
  spins(example('lock-bug'), 'handler', { seen: { cpus: 1, seed: 27 } }),
  assertion(example('cached-cpu'), 'cached', 'sum() == 2', { kernel: '6.19', seen: { cpus: 1, seed: 1264 } }),
  assertion(example('cached-cpu'), 'cached3', 'sum() == 3', { kernel: '6.19', seen: { cpus: 1, seed: 197 } }),
  // The shortest way to something wrong; whom 7.1 finds out it kills.
  assertion(example('cached-cpu'), 'cached', 'sum() == 2', { kernel: '7.1' }),
];

const checkpoint = (name: string): string => `examples/checkpoint/${name}.o`;

/** What a checkpointer does to a thread: RSEQLAB_TRACER, and a restorer. */
const checkpoints: readonly Expected[] = [
  verified(checkpoint('freeze'), 'freeze', { cpus: 1 }),
  verified(checkpoint('freeze'), 'freeze', { cpus: 1, kernel: '7.1' }),
  assertion(checkpoint('freeze-keep'), 'freeze', 'sum() == 2', { cpus: 1, seen: { cpus: 1, seed: 272 } }),
  assertion(checkpoint('freeze-keep'), 'freeze', 'sum() == 2', { cpus: 1, kernel: '7.1' }),
  assertion(checkpoint('freeze-late'), 'freeze', 'sum() == 2', { cpus: 1, seen: { cpus: 1, seed: 272 } }),
  crashed(checkpoint('freeze-stale'), 'freeze', { cpus: 1 }),
  verified(`${OBJECTS}/stopped.o.gz`, 'stopped'),
  verified(`${OBJECTS}/stopped.o.gz`, 'stopped', { kernel: '6.19' }),
  verified(`${OBJECTS}/stopped.o.gz`, 'stopped', { kernel: '7.1' }),
  verified(checkpoint('thaw'), 'thaw'),
  verified(checkpoint('thaw'), 'thaw', { kernel: '6.3' }),
  verified(checkpoint('thaw'), 'thaw', { kernel: '7.0' }),
  verified(checkpoint('thaw'), 'thaw', { kernel: '7.1' }),
  assertion(checkpoint('thaw-active'), 'thaw', 'sum() == 2', { seen: { cpus: 2, seed: 250 } }),
  verified(checkpoint('thaw-active'), 'thaw', { kernel: '7.0' }),
  assertion(checkpoint('thaw-after'), 'thaw', 'sum() == 2', { seen: { cpus: 2, seed: 250 } }),
  assertion(checkpoint('thaw-after'), 'thaw', 'sum() == 2', { kernel: '7.1' }),
  killed(checkpoint('thaw-flags'), 'thaw', { seen: { cpus: 1, seed: 2 } }),
  verified(checkpoint('thaw-flags'), 'thaw', { kernel: '7.0' }),
];

const checkpointsOnTwo: readonly Expected[] = ['6.18', '6.19', '7.1'].map((kernel) =>
  verified(checkpoint('freeze'), 'freeze', { kernel, large: true }),
);

const object = (name: string): string => `${OBJECTS}/${name}.o.gz`;

/** One mistake each, as `check` has rules for, and how it shows; NAME-mended has none. */
const BROKEN: readonly Expected[] = [
  ...(
    [
      ['not-armed', 1, 7],
      ['arming-gap', 1, 120],
      ['no-cpu-check', 2, 186],
      ['cpu-index-mismatch', 2, 585],
      ['commit-not-last', 1, 6],
      ['unprotected-commit', 1, 63],
      ['retry-without-rearming', 1, 19],
      ['clobber-live-at-abort', 1, 2],
      ['branch-escapes-section', 1, 7],
      ['call-in-section', 1, 6],
      ['nested-section', 1, 6],
    ] as const
  ).map(([name, cpus, seed]) => assertion(object(name), 'count', 'sum() == TASKS', { seen: { cpus, seed } })),
  assertion(object('branch-into-section'), 'count', 'sum() == 2', { seen: { cpus: 1, seed: 18 } }),
  assertion(object('store-before-commit'), 'count', 'count == 2 && also == 2', {
    seen: { cpus: 1, seed: 3 },
  }),
  killed(object('rseq-cs-dangling'), 'dangling', { seen: { cpus: 1, seed: 5 } }),
  crashed(object('stack-imbalance'), 'count', { seen: { cpus: 1, seed: 1 } }),
  killed(object('abort-signature'), 'count', { seen: { cpus: 1, seed: 3 } }),
  killed(object('abort-signature'), 'count', { kernel: '6.19', seen: { cpus: 1, seed: 3 } }),
  killed(object('abort-inside-section'), 'count', { seen: { cpus: 1, seed: 3 } }),
  killed(object('descriptor-version'), 'count', { seen: { cpus: 1, seed: 3 } }),
  killed(object('descriptor-flags'), 'count', { seen: { cpus: 1, seed: 3 } }),
  killed(object('syscall-in-section'), 'count', { debugRseq: true, seen: { cpus: 1, seed: 1 } }),
  killed(object('writes-kernel-field'), 'count', { kernel: '7.1', seen: { cpus: 2, seed: 7 } }),
];

const mended = BROKEN.map(({ object, scenario, cpus, kernel, debugRseq }) =>
  verified(object.replace('.o.gz', '-mended.o.gz'), scenario, {
    cpus,
    ...(kernel === undefined ? {} : { kernel }),
    ...(debugRseq === undefined ? {} : { debugRseq }),
  }),
);

/** Mistakes that a kernel forgives. */
const forgiven: readonly Expected[] = [
  verified(object('descriptor-version'), 'count', { kernel: '6.19' }),
  verified(object('descriptor-flags'), 'count', { kernel: '6.19' }),
  verified(object('syscall-in-section'), 'count'),
  verified(object('writes-kernel-field'), 'count'),
];

/** x86-TSO: tasks of each litmus test, and whether the outcome that it rules out is seen with store buffers. */
const LITMUS = [
  ['sb', 2, true],
  ['sb_fence', 2, false],
  ['sb_xchg', 2, false],
  ['sb_one_fence', 2, true],
  ['mp', 2, false],
  ['lb', 2, false],
  ['forwarding', 2, true],
  ['wrc', 3, false],
  ['iriw', 4, false],
  ['n4b', 2, false],
  ['n5', 2, false],
  ['n6', 2, true],
  ['inc', 2, true],
  ['inc_lock', 2, false],
] as const;

const litmus: readonly Expected[] = LITMUS.flatMap(([scenario, cpus, seen]) => [
  // Whether an unlocked inc is one step without store buffers is not said here.
  ...(scenario === 'inc' ? [] : [verified(object('litmus'), scenario, { cpus })]),
  seen
    ? assertion(object('litmus'), scenario, '!(', { cpus, memory: 'tso' })
    : verified(object('litmus'), scenario, { cpus, memory: 'tso' }),
]);

/** Sections do not mind store buffers: an interruption empties them, and so does membarrier. */
const buffered: readonly Expected[] = [
  verified(example('counter'), 'count', { memory: 'tso' }),
  verified(example('list'), 'push_pop', { memory: 'tso' }),
  verified(example('lock'), 'lock2', { memory: 'tso' }),
  verified(example('slab'), 'push_drain', { memory: 'tso' }),
  verified(example('slab'), 'pop_drain', { memory: 'tso' }),
  verified(example('slab'), 'push_pop_drain', { memory: 'tso' }),
  assertion(example('slab-no-fence'), 'push_drain', 'all_there(2)', { memory: 'tso' }),
  assertion(example('slab-one-fence'), 'pop_drain', 'all_there(1)', { memory: 'tso' }),
];

export const EXPECTED: readonly Expected[] = [
  ...right,
  ...onThree,
  ...alone,
  ...wrong,
  ...BROKEN,
  ...mended,
  ...forgiven,
  ...litmus,
  ...buffered,
  ...checkpoints,
  ...checkpointsOnTwo,
];
