import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { oneErrorLine, ROOT, rseqlab, withFolder } from '../cli/command.js';
import { noPerf, noPtrace, title } from './here.js';

const PROGRAMS = 'test/trace/programs';
const STORM = 'bench/live/storm';
const BUSY = 'examples/trace/busy';
/** The same program as ordinary linkers lay it out: perf tells of its code, and not of the segment in front of it. */
const SEPARATE = `${PROGRAMS}/separate`;

interface Line {
  readonly kind?: string;
  readonly tid: number;
  readonly error?: string;
  readonly reason?: string;
  readonly [name: string]: unknown;
}

/** Events of a command, in JSON; the exit status. */
function traced(
  options: readonly string[],
  command: readonly string[],
): { events: Line[]; status: number | null; lost: number } {
  return withFolder((folder) => {
    const file = join(folder, 'trace.jsonl');
    const { status, stderr } = rseqlab([
      'trace',
      '--format',
      'json',
      '-o',
      file,
      ...options,
      '--',
      ...command,
    ]);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect({ stderr, head: lines[0] }).toMatchObject({
      head: expect.stringMatching(/^\{"schema":"rseqlab.trace\/1",/),
    });
    const parsed = lines.slice(1).map((line) => JSON.parse(line) as Line);
    return { events: parsed.slice(0, -1), status, lost: parsed.at(-1)!['lost'] as number };
  });
}

/** What differs from run to run: times, ids, CPUs, and the memory of struct rseq, which depends on the CPU. */
const stable = (text: string): string => {
  const ids = new Map<string, string>();
  const id = (found: string): string => {
    if (!ids.has(found)) ids.set(found, `T${ids.size + 1}`);
    return ids.get(found)!;
  };
  return text
    .replace(/^ *(\d+) +[\d.]+ +\[\d+\] +(\d+) /gm, (_, n, tid) => `${n} ${id(tid)}`)
    .replace(/cpu_id_start=\d+, cpu_id=\d+(?= *,)/g, 'cpu_id_start=C, cpu_id=C')
    .replace(/node_id=\d+, mm_cid=\d+/g, 'node_id=N, mm_cid=M')
    .replace(/pid=\d+/g, (found) => `pid=${id(found.slice(4))}`)
    .replaceAll(ROOT, '');
};

/** What the kernel answers, and by which rule. */
const FAMILY = [
  ['0', undefined],
  ['EBUSY', 'the thread has registered exactly this'],
  ['EPERM', 'the thread has registered this address and length with another signature'],
  ['EINVAL', 'the thread has registered another address (often the C library was first)'],
  ['EINVAL', 'the thread has registered this address with another length'],
  ['EINVAL', expect.stringMatching(/^flags has a bit the kernel does not know/)],
  ['EINVAL', 'the thread has registered another address'],
  ['0', undefined],
  ['EINVAL', 'the thread has registered nothing'],
  ['EINVAL', 'length is below 32'],
  ['EINVAL', 'length is 32 and the address is no multiple of 32'],
  ['EFAULT', expect.any(String)],
  ['0', undefined],
];

describe.each([
  ['perf', noPerf],
  ['ptrace', noPtrace],
] as const)('trace by %s', (source, reason) => {
  it.skipIf(reason)(title('tells every rseq call, with the rule that decided', reason), () => {
    const { events, status } = traced(['--source', source], [`${PROGRAMS}/family`]);
    const returns = events.filter(({ kind }) => kind === 'return');
    expect(returns.map((each) => [each.error ?? '0', each.reason])).toEqual(FAMILY);
    expect(events.filter(({ kind }) => kind === 'exec').map((each) => each['path'])).toEqual([
      join(ROOT, PROGRAMS, 'family'),
      join(ROOT, PROGRAMS, 'family'),
    ]);
    expect(events.at(-1)).toMatchObject({ kind: 'exit', status: 5 << 8 });
    expect(status).toBe(5);
    // The child of fork has what its parent had; the program after exec nothing.
    expect(new Set(returns.map(({ tid }) => tid)).size).toBe(2);
  });

  it.skipIf(reason)(title('passes on how the command ended', reason), () => {
    expect(rseqlab(['trace', '--source', source, '--', '/bin/sh', '-c', 'kill -9 $$']).status).toBe(128 + 9);
    const { stdout, status } = rseqlab(
      ['trace', '--source', source, '--', '/bin/sh', '-c', 'cat; exit 7'],
      {},
      { input: 'given' },
    );
    expect({ stdout, status }).toEqual({ stdout: 'given', status: 7 });
  });

  it.skipIf(reason)(title('does not lose one of 300 threads', reason), () => {
    const { stderr, status } = rseqlab(['trace', '--summary', '--source', source, '--', `${PROGRAMS}/many`]);
    expect(stderr).toMatch(/^ {2}rseq calls {5}300; 300 registrations \(length 32: 300\)$/m);
    expect(status).toBe(0);
  });

  it.skipIf(reason)(title('says what the program does not do: no registration under musl', reason), () => {
    withFolder((folder) => {
      const program = join(folder, 'musl');
      writeFileSync(program, gunzipSync(readFileSync(join(ROOT, 'test/programs/musl.gz'))), { mode: 0o755 });
      const { stderr } = rseqlab(['trace', '--summary', '--source', source, '--', program]);
      expect(stderr).toMatch(/^ {2}rseq calls {5}0; 0 registrations$/m);
    });
  });
});

/** What both worlds must say of the same program: all of these events but where and when, and what is only known of one of them. */
const common = (events: readonly Line[]): unknown[] =>
  events
    .filter(
      ({ kind, name }) =>
        ['register', 'unregister', 'abort'].includes(kind!) ||
        (['syscall', 'return'].includes(kind!) && name === 'rseq'),
    )
    .map(
      ({
        kind,
        arguments: args,
        value,
        error,
        address,
        length,
        signature,
        flags,
        ip,
        startIp,
        postCommitOffset,
        abortIp,
      }) => ({
        kind,
        // The call has four arguments; what the other registers hold is chance.
        args: (args as string[] | undefined)?.slice(0, 4),
        ...{ value, error, address, length, signature, flags, ip, startIp, postCommitOffset, abortIp },
      }),
    );

const simulated = (...command: string[]): Line[] =>
  withFolder((folder) => {
    const file = join(folder, 'trace.jsonl');
    rseqlab(['run', '--trace', file, '--allow-read', command[0]!, ...command]);
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as Line);
  });

describe.each([
  ['perf', noPerf],
  ['ptrace', noPtrace],
] as const)('the real world by %s and the simulated one', (source, reason) => {
  it.skipIf(reason)(title('say the same of rseq calls', reason), () => {
    const program = `${PROGRAMS}/family`;
    const { events } = traced(['--source', source], [program]);
    expect(common(events)).toEqual(common(simulated(program)));
  });
});

it.skipIf(noPerf)(title('the real world and the simulated one say the same of aborts', noPerf), () => {
  const aborts = common(traced([], [STORM, '20']).events);
  expect(aborts).toHaveLength(3 + 20);
  expect(aborts).toEqual(common(simulated(STORM, '20')));
});

describe.skipIf(noPtrace)(title('trace as text', noPtrace), () => {
  it('is what it was', async () => {
    const { stderr } = rseqlab(['trace', '--source', 'ptrace', '--', `${PROGRAMS}/family`]);
    await expect(stable(stderr)).toMatchFileSnapshot('../fixtures/trace/family.txt');
  });

  it('has Tracee events, with its names, order and types', () => {
    const { stderr } = rseqlab([
      'trace',
      '--source',
      'ptrace',
      '--format',
      'tracee',
      '--',
      `${PROGRAMS}/family`,
    ]);
    const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.length).toBe(FAMILY.length);
    const event = JSON.parse(lines[2]!);
    expect(Object.keys(event)).toEqual(
      'timestamp threadStartTime processorId processId cgroupId threadId parentProcessId hostProcessId hostThreadId hostParentProcessId userId mountNamespace pidNamespace processName executable hostName containerId container kubernetes eventId eventName matchedPolicies argsNum returnValue syscall stackAddresses contextFlags threadEntityId processEntityId parentEntityId args'.split(
        ' ',
      ),
    );
    expect(event).toMatchObject({
      processName: 'family',
      eventId: '334',
      eventName: 'rseq',
      returnValue: -1,
      mountNamespace: Number(
        /\d+/.exec(spawnSync('readlink', ['/proc/self/ns/mnt'], { encoding: 'utf8' }).stdout),
      ),
      args: [
        { name: 'rseq', type: 'trace.Pointer', value: expect.any(Number) },
        { name: 'rseq_len', type: 'uint32', value: 32 },
        { name: 'flags', type: 'int32', value: 0 },
        { name: 'sig', type: 'uint32', value: 1 },
      ],
    });
    // Nanoseconds since 1970, beyond what a JavaScript number holds: digits as they are.
    expect(lines[2]).toMatch(/^\{"timestamp":\d{19},"threadStartTime":\d{19},/);
  });
});

describe.skipIf(noPerf)(title('aborts', noPerf), () => {
  it.each([STORM, SEPARATE])('are all seen, with their place and cause: %s', (program) => {
    const { events, lost } = traced([], [program, '2000']);
    const aborts = events.filter(({ kind }) => kind === 'abort');
    expect({ aborts: aborts.length, lost }).toEqual({ aborts: 2000, lost: 0 });
    for (const abort of aborts) expect(abort['causes']).toContain('signal');
    expect(aborts[0]).toMatchObject({
      comm: program.slice(program.lastIndexOf('/') + 1),
      section: { file: join(ROOT, program), function: 'once' },
      at: { function: 'once', instruction: 'nop', source: { file: expect.stringMatching(/storm\.c$/) } },
      guess: false,
    });
    expect(aborts[0]!['by']).toMatch(/SIGUSR1/);
  });

  it('are counted by section, instruction and cause in the summary', () => {
    const { stdout, stderr } = rseqlab(['trace', '--summary', '--format', 'json', '--', STORM, '1000']);
    expect(stdout).toMatch(/^1000 /);
    const summary = JSON.parse(stderr);
    expect(summary).toMatchObject({ schema: 'rseqlab.trace-summary/1', aborts: 1000, lostRecords: 0 });
    expect(summary.sections).toHaveLength(1);
    expect(summary.sections[0]).toMatchObject({
      aborts: 1000,
      causes: { signal: 1000 },
      points: [{ aborts: 1000, at: { function: 'once' } }],
    });
  });

  it('of the example come with source lines', () => {
    const { stderr } = rseqlab(['trace', '--', BUSY, '700']);
    expect(stderr).toMatch(/in (count|add_up) \(sections\.S:\d+\) in busy; at sections\.S:\d+: \w+/);
    expect(stderr).toMatch(/EINVAL \(Invalid argument\).*\n +the thread has registered another address/);
  });

  it('that there was no room for are counted, also the last of them', () => {
    const { stderr } = rseqlab([
      'trace',
      '--buffer',
      '8k',
      '--summary',
      '--format',
      'json',
      '--',
      STORM,
      '100000',
    ]);
    const { aborts, signals, lostRecords } = JSON.parse(stderr);
    expect(lostRecords).toBeGreaterThan(0);
    // Each abort makes two records: of the signal and of itself.
    expect(aborts + signals + lostRecords).toBeGreaterThanOrEqual(200_000);
  });

  it('are slices and instants for Perfetto', () => {
    const { stderr } = rseqlab(['trace', '--format', 'perfetto', '--', STORM, '50']);
    const events = JSON.parse(stderr) as { ph: string; name: string; dur?: number }[];
    expect(events.filter(({ ph, name }) => ph === 'i' && name === 'abort once')).toHaveLength(100);
    expect(events.filter(({ ph }) => ph === 'X').every(({ dur }) => dur! >= 0)).toBe(true);
  });

  it('come with id updates and switches on request', () => {
    const { events } = traced(['--events', 'all'], [BUSY, '300']);
    const kinds = new Set(events.map(({ kind }) => kind));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['start', 'switch', 'rseq-update', 'register', 'syscall', 'return']),
    );
  });

  it('--abuse names the instruction that writes what the kernel owns', () => {
    const { stderr, status } = rseqlab(['trace', '--abuse', '--', `${PROGRAMS}/abuser`]);
    const none = /hardware breakpoints|not all fields could be watched/.exec(stderr);
    if (none) return expect(stderr).toMatch(/note: /);
    expect(stderr).toMatch(
      /caught: cpu_id_start written at least \d+ times by 1 thread, at cache_a_pointer\+0x\w+ \(abuser\.c:\d+\) in abuser: movl \$0x80000000,\(%rdi\)/,
    );
    expect(stderr).toMatch(
      /found: \S+abuser: 0x\w+ in cache_a_pointer \(abuser\.c:\d+\): this writes cpu_id_start/,
    );
    expect(status).toBe(1);
    const clean = rseqlab(['trace', '--abuse', '--', BUSY, '100']);
    expect(clean.stderr).toMatch(/owns: none caught in 3 threads, none found in 1 file/);
    expect(clean.status).toBe(0);
  });
});

describe.skipIf(noPtrace)(title('wrong usage of trace', noPtrace), () => {
  it.each([
    [[], 'give one of: -p PID, -a, or a command behind --'],
    [['-a', '-p', '1'], 'give one of'],
    [['-p', '4000000'], 'there is no process 4000000'],
    [['-p', 'x'], '-p x: give a whole number'],
    [['--events', 'rseq,none', '-a'], '--events: there is no "none"'],
    [
      ['--', '/nonexistent/program'],
      '/nonexistent/program cannot be started: exec of /nonexistent/program: ENOENT',
    ],
    [['--source', 'ptrace', '--', '/dev/null'], '/dev/null cannot be started: exec of /dev/null: EACCES'],
    [['--source', 'ptrace', '-a'], 'the whole machine can be watched by perf only'],
    [['--metrics', 'nowhere', '-a'], '--metrics nowhere: write it as :PORT or HOST:PORT'],
    [['--otlp', 'nowhere', '-a'], '--otlp nowhere: give the address of a collector'],
    [['-o', '/nonexistent/file', '--', '/bin/true'], 'cannot write /nonexistent/file'],
  ])('%j', (args, text) => {
    expect(oneErrorLine(rseqlab(['trace', ...args]))).toContain(text);
  });

  it.skipIf(spawnSync('cat', ['/proc/2/stat'], { encoding: 'utf8' }).stdout.includes('(kthreadd)') === false)(
    'a thread of the kernel',
    () => {
      expect(oneErrorLine(rseqlab(['trace', '-p', '2']))).toContain('a thread of the kernel');
    },
  );
});
