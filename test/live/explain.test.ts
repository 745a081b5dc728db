import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { REGISTRATION_ROWS } from '../../src/abi/registration.js';
import { violationById } from '../../src/abi/violations.js';
import type { Host } from '../../src/kernel/host.js';
import { run } from '../../src/kernel/run.js';
import { start } from '../../src/kernel/session.js';
import { processView, threadView } from '../../src/kernel/view.js';
import { runningKernel } from '../../src/linux/kernel.js';
import { judging } from '../../src/live/inspect/mode.js';
import { rseqFault } from '../../src/process/fault.js';
import { rseqState } from '../../src/process/rseq.js';
import type { ExplainDocument } from '../../src/report/explain-document.js';
import { oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { Live } from '../cli/live.js';
import { ROWS } from '../conformance/real.js';
import { reason, title, untoldMappings } from '../linux/here.js';
import { STANDING, Standing, stable } from './standing.js';

/** `rseqlab explain --format json -o FILE`; what the command prints is not mixed with it. */
function explain(...args: string[]): ExplainDocument & { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'rseqlab-explain-'));
  try {
    const { status, stdout, stderr } = rseqlab([
      'explain',
      '--format',
      'json',
      '-o',
      join(folder, 'out'),
      ...args,
    ]);
    if (status === 2) throw new Error(stderr);
    return { ...JSON.parse(readFileSync(join(folder, 'out'), 'utf8')), status, output: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Every way to die that kernels up to 6.18 know (docs/abi.md), by the row that does it, and the rule that is broken. */
const DEATHS = {
  'violation.version-1': 'version',
  'violation.cs-flags-1': 'flags',
  'violation.cs-flags-80': 'flags',
  'violation.flags-7': 'flags',
  'violation.signature': 'signature',
  'violation.abort-inside': 'abort-inside',
  'violation.wrap': 'wrap',
  'violation.end-in-kernel': 'range',
  'violation.abort-in-kernel': 'abort-ip-range',
  'violation.rseq-cs-16': 'descriptor-unreadable',
  'violation.rseq-cs-in-kernel': 'descriptor-outside',
  'violation.rseq-cs-unmapped': 'descriptor-unreadable',
  'violation.area-unmapped': 'area-unwritable',
  'violation.area-read-only': 'area-unwritable',
} as const;

/** What is refused, by the row of the conformance program that asks for it. */
const REFUSALS = {
  'register.flag-2': 'register-flags',
  'registered.address': 'register-other-address',
  'registered.length': 'register-other-length',
  'registered.signature': 'register-other-signature',
  'registered.same': 'register-again',
  'register.length-31': 'register-length-short',
  'register.length-32-at-16': 'register-unaligned-32',
  'register.length-64-at-16': 'register-unaligned',
  'register.kernel-address': 'register-outside',
  'register.unmapped': 'register-unreadable',
  'unregister.flag': 'unregister-flags',
  'unregister.never': 'unregister-none',
  'unregister.address': 'unregister-other-address',
  'unregister.length': 'unregister-other-length',
  'unregister.signature': 'unregister-other-signature',
} as const;

/** The rule that the simulated kernel finds broken, and the one that is seen from outside at that moment. */
function simulated(row: string): { broken: string | undefined; seen: string | undefined } {
  const host: Host = {
    read: () => new Uint8Array(0),
    write: () => {},
    file: () => undefined,
    directory: () => undefined,
  };
  const found: ReturnType<typeof simulated> = { broken: undefined, seen: undefined };
  const judge = { release: '6.18', debugRseq: false };
  const kernel = start(
    {
      kernel: judge.release,
      debugRseq: false,
      cpus: 2,
      seed: 1,
      schedule: 'rr',
      memoryLimit: 2 ** 28,
      maxInstructions: null,
      scenario: null,
    },
    { path: '/rows', bytes: new Uint8Array(readFileSync(ROWS)), arguments: ['/rows', row], environment: [] },
    host,
    [
      (running) => (event) => {
        const task = event.kind === 'violation' ? running.state.tasks.get(event.tid) : undefined;
        if (event.kind !== 'violation' || task === undefined || found.broken !== undefined) return;
        found.broken = event.rule;
        const process = processView(running, task.process);
        const thread = threadView(running, task);
        const state = rseqState(process, thread)!;
        found.seen = rseqFault(
          process.maps,
          state,
          event.ip,
          judging(judge, state.configuration.length),
        )?.rule;
      },
    ],
  );
  run(kernel, 20_000_000);
  return found;
}

describe('what is seen of a violation from outside', () => {
  it.each(Object.entries(DEATHS))('%s is the rule by which the simulated kernel kills', (row, rule) => {
    expect(simulated(row)).toEqual({ broken: rule, seen: rule });
  });
});

const open: Standing[] = [];
afterEach(async () => {
  for (const standing of open.splice(0)) {
    standing.signal('SIGKILL');
    await standing.end();
  }
});

/** Kernels since 6.19 let some of them live. */
const classic = reason === undefined && judging(runningKernel(), 32).classic;

describe.skipIf(reason !== undefined)(title('explain'), () => {
  it.skipIf(!classic).each(Object.entries(DEATHS))('%s', (row, rule) => {
    const { findings, end, status } = explain('--', ROWS, row);
    expect({ status, end }).toEqual({ status: 1, end: { kind: 'killed', signal: 'SIGSEGV' } });
    const [finding] = findings.filter(({ kind }) => kind !== 'refused');
    expect(finding).toMatchObject({
      kind: 'violation',
      rule,
      mend: violationById(rule).mend,
      handled: false,
      // Nothing was there before, as far as anybody knows.
      unloaded: null,
    });
    // What happened is one sentence.
    expect(finding!.what).toMatch(
      /^Thread \d+ of rows was sent SIGSEGV by the kernel because .+ and the rule is that .+\.$/,
    );
  });

  it.each(Object.entries(REFUSALS))('%s', (row, rule) => {
    const { findings, output, status } = explain('--', ROWS, row);
    const known = REGISTRATION_ROWS.find(({ id }) => id === rule)!;
    expect(output).not.toContain('no row');
    // What this kernel does not refuse is no row for it.
    if (!output.includes(known.errno)) return;
    expect(status).toBe(1);
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: 'refused', rule, errno: known.errno, mend: known.mend }),
    );
  });

  it.skipIf(!classic)('prints', async () => {
    const { stdout } = rseqlab(['explain', '--', STANDING, 'dies-version']);
    const pid = Number(/process (\d+)/.exec(stdout)![1]);
    await expect(stable(stdout, pid)).toMatchFileSnapshot('../fixtures/cli/transcripts/explain.txt');
  });

  it('says of a crash that it has nothing to do with rseq', () => {
    const { findings, status, end } = explain('--', 'sh', '-c', 'kill -SEGV $$');
    expect(status).toBe(0);
    expect(end).toEqual({ kind: 'killed', signal: 'SIGSEGV' });
    expect(findings).toMatchObject([
      { kind: 'crash', signal: 'SIGSEGV', what: expect.stringContaining('a process sent it') },
    ]);
  });

  it('says nothing of a command that lives, nor of its exit status', () => {
    expect(explain('--', 'sh', '-c', 'exit 3')).toMatchObject({
      findings: [],
      status: 0,
      end: { kind: 'exited', status: 3 },
    });
  });

  it('watches a process that runs, to its end', async () => {
    const standing = await Standing.start('dies-later');
    open.push(standing);
    const live = new Live(['explain', '-p', String(standing.pid)]);
    // It is traced from then on.
    const tracer = () => /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${standing.pid}/status`, 'utf8'))![1];
    while (tracer() === '0') await new Promise(setImmediate);
    const ended = await standing.end();
    const status = await live.status();
    if (classic) {
      expect({ ended, status }).toEqual({ ended: 'SIGSEGV', status: 1 });
      expect(live.stdout).toContain('a rule of rseq was broken [descriptor-unreadable]');
    }
  });

  it.skipIf(!classic)('tells of a broken rule also where something else ended the process', async () => {
    const standing = await (await Standing.start('dangling')).waits();
    open.push(standing);
    const live = new Live(['explain', '-p', String(standing.pid)]);
    const tracer = () => /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${standing.pid}/status`, 'utf8'))![1];
    while (tracer() === '0') await new Promise(setImmediate);
    standing.signal('SIGABRT');
    await standing.end();
    expect(await live.status()).toBe(0);
    expect(live.stdout.replace(/\s+/g, ' ')).toContain(
      'A rule of rseq is broken besides [descriptor-unreadable], for which the kernel would have killed it soon: rseq_cs is 0x10',
    );
  });

  const unseen = reason ?? untoldMappings();
  describe.skipIf(unseen !== undefined || !classic)(title('a library that is gone', unseen), () => {
    const GONE = join(ROOT, 'test/fixtures/live/gone');
    const LIBRARY = join(ROOT, 'test/fixtures/live/library.so');
    /** Of its descriptor: test/fixtures/live/library.c. */
    const OFFSET = `${0x2020}`;
    const unloaded = { file: LIBRARY, function: 'library_count', line: 'library.c:18' };

    it.each([['--calls'], ['--no-calls']])('is named, with its section: %s', (calls) => {
      const { findings, status } = explain(calls, '--', GONE, LIBRARY, OFFSET);
      expect(findings).toMatchObject([{ kind: 'violation', rule: 'descriptor-unreadable', unloaded }]);
      expect(findings[0]!.what).toContain(`${LIBRARY} was mapped there, with the descriptor of library_count (library.c:18), and has been unmapped since`); // biome-ignore format: a sentence
      expect(status).toBe(1);
    });

    it('is named where it was mapped before anybody watched', async () => {
      const standing = await Standing.run(GONE, [LIBRARY, OFFSET, 'wait']);
      open.push(standing);
      const live = new Live(['explain', '--format', 'json', '-p', String(standing.pid)]);
      const tracer = () => /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${standing.pid}/status`, 'utf8'))![1];
      while (tracer() === '0') await new Promise(setImmediate);
      expect(await standing.end()).toBe('SIGSEGV');
      expect(await live.status()).toBe(1);
      expect((JSON.parse(live.stdout) as ExplainDocument).findings).toMatchObject([{ unloaded }]);
    });
  });

  it('is killed while it watches, and the process lives on', async () => {
    for (let round = 0; round < 3; round++) {
      const standing = await (await Standing.start('many')).waits();
      open.push(standing);
      const live = new Live(['explain', '--calls', '-p', String(standing.pid)]);
      const tracer = () => /TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${standing.pid}/status`, 'utf8'))![1];
      while (tracer() === '0') await new Promise(setImmediate);
      live.signal('SIGKILL');
      await live.end();
      expect(await standing.end()).toBe('exit 0');
    }
  });

  it.skipIf(!classic)('reads a core', ({ skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-core-'));
    try {
      for (const [row, rule] of [
        ['dies-version', 'version'],
        ['dies-abort-ip', 'signature'],
        ['dies-rseq-cs', undefined],
      ] as const) {
        spawnSync('sh', ['-c', 'ulimit -c unlimited; "$0" "$1"', STANDING, row], {
          cwd: folder,
          stdio: 'ignore',
        });
        const core = readdirSync(folder).find((name) => name.startsWith('core'));
        if (core === undefined)
          return skip('no core is written to the working directory here (kernel.core_pattern, ulimit -c)');
        const path = join(folder, core);
        const { findings, end, status } = explain(path);
        expect(end).toEqual({ kind: 'killed', signal: 'SIGSEGV' });
        const inspected = rseqlab(['inspect', path]);
        if (rule === undefined) {
          // Nothing tells where its struct rseq is: that is said, and nothing is guessed.
          expect(status).toBe(3);
          expect(findings).toMatchObject([
            { kind: 'unknown', what: expect.stringContaining('no registration') },
          ]);
          expect(inspected.status).toBe(3);
        } else {
          expect(status).toBe(1);
          expect(findings).toMatchObject([
            { kind: 'violation', rule, owner: expect.stringContaining('derived') },
          ]);
          expect(inspected.status).toBe(1);
          expect(inspected.stdout).toContain(`[${rule}]`);
        }
        rmSync(path);
      }
      return undefined;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    [[], 'rseqlab: explain: nothing given; give a core, -p PROCESS, or a command behind --'],
    [['-p', '2147483646'], 'rseqlab: there is no process 2147483646; ps -e lists those that there are'],
    [['-p', 'x'], 'rseqlab: -p x is no number of a process; ps -e lists those that there are'],
    [['nonesuch'], 'rseqlab: cannot read nonesuch: there is no such file or directory'],
    [['a', 'b'], 'rseqlab: explain: give one core, or a command behind -- (rseqlab explain -- COMMAND)'],
    [['--', 'nonesuch'], 'rseqlab: cannot run nonesuch: exec of nonesuch: ENOENT'],
    [[STANDING], `rseqlab: ${STANDING} is a program or library, not a core; rseqlab check looks at those`],
  ])('refuses %j in one line', (args, line) => {
    expect(oneErrorLine(rseqlab(['explain', ...args]))).toBe(line);
  });
});
