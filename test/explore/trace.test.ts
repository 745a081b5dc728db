import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exploreFile } from '../../src/explore/api.js';
import { differenceIn, Retelling } from '../../src/explore/retelling.js';
import {
  type CounterexampleTrace,
  counterexampleOf,
  readTrace,
  sealed,
  TraceError,
} from '../../src/explore/trace.js';
import { below, oneOf, randomWords } from '../../src/kernel/random.js';
import { oneErrorLine, rseqlab, shell, withFolder } from '../cli/command.js';
import { Live } from '../cli/live.js';
import { objectOf } from './examples/runs.js';

const noLines = () => undefined;

async function traceOf(path: string, scenario: string): Promise<CounterexampleTrace> {
  const surroundings = { lines: noLines, version: '0.0.0' };
  const { trace } = await exploreFile({ path, bytes: objectOf(path) }, { scenario }, surroundings);
  return readTrace(JSON.stringify(trace), 'bug.json');
}

/** Interruptions, signals, aborts, membarrier. */
const BUGS = [
  ['examples/explore/counter-bug.o', 'count'],
  ['examples/explore/signal-bug.o', 'one'],
  ['examples/explore/slab-one-fence.o', 'push_drain'],
  ['examples/explore/lock-bug.o', 'handler'],
  ['examples/explore/cancel-bug.o', 'cancel'],
] as const;

describe('a trace', () => {
  it.each(BUGS)('of %s %s happens again, row by row', async (path, scenario) => {
    const trace = await traceOf(path, scenario);
    expect(differenceIn(trace, new Retelling(trace, noLines))).toBeUndefined();
  });

  it('happens a thousand times in the same way', async () => {
    const trace = await traceOf(...BUGS[0]);
    const telling = new Retelling(trace, noLines);
    for (let times = 0; times < 1000; times++) {
      if (times % 50 === 0) expect(differenceIn(trace, new Retelling(trace, noLines))).toBeUndefined();
      telling.goTo(-1);
      expect(differenceIn(trace, telling)).toBeUndefined();
    }
  });

  it('is the same wherever one comes from', async () => {
    const trace = await traceOf(...BUGS[1]);
    const { rows } = counterexampleOf(trace);
    const forth = new Retelling(trace, noLines);
    const moments = [forth.moment()];
    while (forth.next() !== undefined) moments.push(forth.moment());
    expect(moments).toHaveLength(rows.length + 1);
    const random = randomWords(7);
    for (let jumps = 0; jumps < 100; jumps++) {
      const row = below(random, rows.length + 1) - 1;
      forth.goTo(row);
      expect(forth.moment()).toEqual(moments[row + 1]);
    }
  });

  it('notices what comes again otherwise', async () => {
    const trace = await traceOf(...BUGS[0]);
    const [result] = trace.document.results;
    const rows = counterexampleOf(trace).rows.map((row, n) => (n === 14 ? { ...row, changes: [] } : row));
    const counterexample = { ...counterexampleOf(trace), rows };
    const changed = { ...trace, document: { ...trace.document, results: [{ ...result!, counterexample }] } };
    expect(differenceIn(changed, new Retelling(changed, noLines))).toMatchObject({
      row: 14,
      text: expect.stringMatching(/^changes was \[\], and is \[.*"rax"/),
    });
  });
});

/** How a trace is refused, if it is: by TraceError of one line. */
function refused(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    expect(error.message).toMatch(/^[^\n]+$/);
    return error.message;
  }
  return undefined;
}

/** As the command goes about it, with a digest that fits. */
const replayed = (trace: object): string | undefined =>
  refused(() => {
    const read = readTrace(JSON.stringify(sealed(trace as CounterexampleTrace)), 'bug.json');
    const telling = new Retelling(read, noLines);
    while (telling.next() !== undefined);
  });

const unsealed = ({ digest: _, ...rest }: CounterexampleTrace) => rest;

describe('a damaged trace', () => {
  it('is refused wherever it is cut off, and whatever bit is another', async () => {
    const text = JSON.stringify(await traceOf(...BUGS[0]));
    for (let length = 0; length < text.length; length += 97)
      expect(refused(() => readTrace(text.slice(0, length), 'bug.json'))).toMatch(
        /^bug\.json: it is no JSON/,
      );
    const random = randomWords(11);
    for (let times = 0; times < 300; times++) {
      const at = below(random, text.length);
      const other = String.fromCharCode(text.charCodeAt(at) ^ (1 << below(random, 5)));
      const damaged = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
      expect(refused(() => readTrace(damaged, 'bug.json'))).toMatch(
        /no JSON|its schema|not as it was written/,
      );
    }
  });

  it('is refused where its parts are none, also when its digest fits', async () => {
    const trace = unsealed(await traceOf(...BUGS[0]));
    const { settings, learned, acts } = trace;
    const act = (n: number, change: object) => ({
      ...trace,
      acts: acts.map((each, at) => (at === n ? { ...each, ...change } : each)),
    });
    const resume = acts.findIndex((each) => each.act.kind === 'resume');
    const rows: [object, RegExp][] = [
      [{ ...trace, schema: 'rseqlab.explore/1' }, /schema/],
      [{ ...trace, path: 7 }, /a name is none/],
      [{ ...trace, program: '!' }, /the program is none/],
      [{ ...trace, program: '' }, /the file is empty/],
      [{ ...trace, program: 'AAAA' }, /not an ELF file/],
      [{ ...trace, settings: undefined }, /is none/],
      [{ ...trace, settings: { ...settings, scenario: 'other' } }, /no scenario other/],
      [{ ...trace, settings: { ...settings, kernel: 'x' } }, /not a kernel version/],
      [{ ...trace, settings: { ...settings, cpus: 1e9 } }, /the number of CPUs is none/],
      [{ ...trace, learned: { ...learned, cells: [-1] } }, /an address is none/],
      [{ ...trace, learned: { ...learned, cells: [1] } }, /no memory at 0x8/],
      [{ ...trace, learned: { ...learned, cells: [] } }, /knows nothing of/],
      [{ ...trace, learned: { ...learned, sections: [{}] } }, /a section is none/],
      [{ ...trace, acts: [] }, /the number of acts is none/],
      [
        {
          ...trace,
          document: { ...trace.document, results: [{ counterexample: { rows: acts.map(() => null) } }] },
        },
        /row 0 is none/,
      ],
      [act(3, { task: 2 }), /act 3 .* there is no task 2/],
      [act(3, { task: -1 }), /act 3 is none/],
      [act(3, { task: 1 }), /act 3 .* task 1 has no CPU/],
      [act(3, { act: { kind: 'jump' } }), /act 3 is none/],
      [act(3, { act: { kind: 'resume', cpu: 0 } }), /act 3 is none/],
      [act(3, { act: { kind: 'resume', cpu: 0, cid: 0 } }), /does not wait for a CPU/],
      [act(3, { act: { kind: 'signal', signal: 0 } }), /signal 0 does not come/],
      [act(resume, { act: { kind: 'resume', cpu: 2, cid: 0 } }), /no CPU 2/],
    ];
    for (const [damaged, message] of rows) expect(replayed(damaged)).toMatch(message);
  });

  it('does not get anything else to happen, with thousands of acts of wrong kinds', async () => {
    const trace = unsealed(await traceOf(...BUGS[1]));
    const random = randomWords(3);
    const kinds = ['execute', 'preempt', 'fence', 'resume', 'signal', 'flush', 'end', '', 7, null];
    const number = (): number => oneOf(random, [0, 0, 0, 1, 1, 2, 63, -1, 0.5]);
    const acts = Array.from({ length: 5000 }, () => ({
      task: number(),
      act: { kind: oneOf(random, kinds), cpu: number(), cid: number(), signal: number() },
    }));
    const result = trace.document.results[0]!;
    const row = counterexampleOf(trace as CounterexampleTrace).rows[0]!;
    const withActs = (some: readonly unknown[]) => ({
      ...trace,
      acts: some,
      document: {
        ...trace.document,
        results: [{ ...result, counterexample: { ...result.counterexample, rows: some.map(() => row) } }],
      },
    });
    expect(replayed(withActs(acts))).toMatch(/is none$|is none;/);
    const wellFormed = acts.map(({ task, act }) => ({
      task: Math.max(0, Math.floor(task)),
      act: {
        kind: typeof act.kind === 'string' && act.kind.length > 4 ? act.kind : 'execute',
        cpu: 0,
        cid: 0,
        signal: 0,
      },
    }));
    for (let from = 0; from < 60; from++) {
      const some = wellFormed.slice(from * 80, from * 80 + 80);
      expect(replayed(withActs([trace.acts[0], ...some]))).toMatch(/cannot happen|is none/);
    }
  });
});

describe('rseqlab replay of a counterexample', () => {
  const object = 'examples/explore/counter-bug.o';
  const withTrace = <T>(use: (file: string, printed: string) => T): T =>
    withFolder((folder) => {
      const file = join(folder, 'bug.json');
      const { status, stdout } = rseqlab(['explore', '--trace', file, object]);
      expect(status).toBe(1);
      return use(file, stdout);
    });

  it('prints it again, lists it, and shows any moment of it', () => {
    withTrace((file, printed) => {
      for (let times = 0; times < 3; times++)
        expect(rseqlab(['replay', file])).toEqual({ status: 0, stdout: printed, stderr: '' });
      const { rows } = counterexampleOf(readTrace(readFileSync(file, 'utf8'), file));
      const list = rseqlab(['replay', '--list', file]).stdout.trimEnd().split('\n');
      expect(list.map((line) => Number(line.slice(0, 2)))).toEqual(rows.map((_, n) => n));
      const store = rows.findLastIndex(({ changes }) => changes.some(({ kind }) => kind === 'memory'));
      const at = (n: number) => rseqlab(['replay', '--at', `${n}`, file]).stdout;
      expect(at(store)).toContain(`behind row ${list[store]!.trim()}\n`);
      expect(at(store)).toMatch(/counter + += 1\n/);
      expect(at(store - 1)).toMatch(
        /task \w+: on CPU 0\n +next +increment\+0x[0-9a-f]+ \(counter-bug\.c:\d+/,
      );
      expect(at(store - 1)).toMatch(/rseq_cs {3}0: nothing protects the task, though it is in section/);
      expect(at(store - 1)).toMatch(/task \w+: has finished\n/);
      expect(at(0)).toContain('has not begun');
    });
  });

  it('says in one line what cannot be', () => {
    withTrace((file) => {
      const wrong = (args: readonly string[]) => oneErrorLine(rseqlab(['replay', ...args]));
      expect(wrong(['--at', '999', file])).toMatch(/--at 999: give a whole number from 0 to \d+/);
      expect(wrong(['--until', '1s', file])).toMatch(/--until is for recordings/);
      expect(wrong(['--summary', file])).toMatch(/--summary is for recordings/);
      expect(wrong(['--step', file])).toMatch(/--step needs a terminal; use --list/);
      const text = readFileSync(file, 'utf8');
      const damaged = (change: string): string => {
        writeFileSync(file, change);
        return wrong([file]);
      };
      expect(damaged(text.slice(0, text.length / 2))).toMatch(/no JSON, or cut off; give a file/);
      expect(damaged(text.replace('counterexample/1', 'counterexample/9'))).toMatch(/its schema/);
      expect(damaged(text.replace('"program":"f0VM', '"program":"f0VN'))).toMatch(/digest/);
      expect(damaged('{}')).toMatch(/its schema/);
      expect(damaged('{')).toMatch(/no JSON/);
    });
  });

  it('ends with 1 where a row comes again as another', () => {
    withTrace((file) => {
      const { digest: _, ...trace } = JSON.parse(readFileSync(file, 'utf8')) as CounterexampleTrace;
      const text = JSON.stringify(trace).replace('"value":"0x0"', '"value":"0x1"');
      writeFileSync(file, JSON.stringify(sealed(JSON.parse(text) as CounterexampleTrace)));
      const { status, stdout, stderr } = rseqlab(['replay', file]);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/went another way at row \d+: reads was \[.*0x1.*\], and is \[.*0x0.*\]\n$/);
    });
  });

  const terminal = shell('command -v script').status === 0;
  it.skipIf(!terminal)('--step goes forth and back, and gives the terminal back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'bug.json');
    rseqlab(['explore', '--trace', file, object]);
    const { rows } = counterexampleOf(readTrace(readFileSync(file, 'utf8'), file));
    for (const [end, status] of [
      ['q', 0],
      ['\u0003', 130],
    ] as const) {
      const live = new Live(['replay', '--step', file], { terminal: true });
      /** What is on the screen. */
      const screen = () => live.stdout.slice(live.stdout.lastIndexOf('\u001b[2J'));
      const see = (text: string) => live.until(() => screen().includes(text) && screen().includes('q quit'));
      await see('has not begun');
      live.write('n');
      await see('>  0 cpu 0');
      live.write('nn\u001b[C');
      await see('>  3 cpu 0');
      live.write('p');
      await see('>  2 cpu 0');
      live.write('g14\r');
      await see('> 14 cpu 0');
      live.write('g999\r');
      await see(`> ${rows.length - 1} cpu`);
      live.write('a');
      await live.until(() => screen().includes('no abort behind this row'));
      live.write(end);
      expect(await live.status()).toBe(status);
      expect(live.stdout.endsWith('\u001b[?1049l')).toBe(true);
    }
  });
});
