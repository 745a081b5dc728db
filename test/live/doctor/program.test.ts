import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { afterEach, describe, expect, it } from 'vitest';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../../cli/command.js';
import { reason as notReal } from '../../linux/here.js';

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));
const schema = readFileSync(join(ROOT, 'docs/schema/doctor-1.schema.json'), 'utf8');
const valid = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(schema));

interface Kernel {
  readonly from: string;
  readonly to: string | null;
  readonly status: string;
  readonly reasons: readonly { readonly cause: string; readonly text: string; readonly fix: string | null }[];
}

function read(text: string) {
  const json = JSON.parse(text);
  valid(json);
  expect(valid.errors).toBeNull();
  return { program: json.program, kernels: json.kernels as readonly Kernel[] };
}

const verdictsOf = (kernels: readonly Kernel[]) =>
  kernels.map(({ from, to, status }) => `${from}-${to ?? ''} ${status}`);

function doctor(...args: string[]) {
  const { status, stdout, stderr } = rseqlab(['doctor', '--format', 'json', ...args]);
  expect(stderr).toBe('');
  return { status, ...read(stdout) };
}

describe('files', () => {
  it('that write fields of the kernel break on 6.19 and 7.0, and on 7.1 with more than 32 bytes', () => {
    const { status, program: it, kernels } = doctor('test/corpus/build/writes-kernel-field/bad-1.o');
    expect(verdictsOf(kernels)).toEqual(['4.18-6.18 runs', '6.19-7.0.9 breaks', '7.0.10- depends']);
    expect(kernels[1]!.reasons[0]).toMatchObject({ cause: 'writes-kernel-field' });
    expect(it.files[0].writes).toEqual(['.text+0x0 <increment> (writes-kernel-field/bad-1.s:14)']);
    expect(status).toBe(1);
  });

  it('that leave them alone run everywhere', () => {
    const { status, kernels } = doctor(
      'test/corpus/build/writes-kernel-field/good-1.o',
      'test/corpus/linked/pie',
    );
    expect(verdictsOf(kernels)).toEqual(['4.18- runs']);
    expect(status).toBe(0);
  });

  it('for arm64 break where its kernel aborts nothing', () => {
    const { kernels } = doctor('test/corpus/linked/a64-executable');
    expect(verdictsOf(kernels)).toEqual(['4.18-6.18 runs', '6.19-7.0.13 breaks', '7.0.14- runs']);
    expect(kernels[1]!.reasons[0]).toMatchObject({ cause: 'aborts' });
  });

  it.each([
    ['descriptor-flags', ['4.18-5.19 runs', '6.0-6.18 breaks', '6.19- runs']],
    ['descriptor-version', ['4.18-6.18 breaks', '6.19- runs']],
    ['abort-inside-section', undefined],
  ])('with %s break where it is looked at', (rule, verdicts) => {
    const { kernels } = doctor(`test/corpus/build/${rule}/bad-1.o`);
    if (verdicts !== undefined) expect(verdictsOf(kernels)).toEqual(verdicts);
    expect(kernels.some(({ reasons }) => reasons.some(({ cause }) => cause === rule))).toBe(true);
  });

  it('with a system call inside break with debugging only', () => {
    const file = 'test/corpus/build/syscall-in-section/bad-1.o';
    expect(doctor(file).status).toBe(0);
    const { status, kernels } = doctor('--debug-rseq', file);
    expect([status, verdictsOf(kernels)]).toEqual([1, ['4.18- breaks']]);
  });

  it('are judged on one kernel with --kernel', () => {
    const file = 'test/corpus/build/writes-kernel-field/bad-1.o';
    expect([doctor('--kernel', '6.18', file).status, doctor('--kernel', '7.0.9', file).status]).toEqual([
      0, 1,
    ]);
    expect([doctor('--kernel', '7.0.10', file).status, doctor('--kernel', '7.1', file).status]).toEqual([
      3, 3,
    ]);
  });
});

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** Starts a program that says "ready" and waits. */
async function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  started.push(child);
  await new Promise((resolve, reject) => child.stdout.once('data', resolve).once('end', reject));
  return child.pid!;
}

/** Why threads cannot be registered here, if so. */
function cannotRegister(): string | undefined {
  if (notReal !== undefined) return notReal;
  const { status } = spawnSync(program('slabs-new'));
  return status === 0 ? undefined : 'rseq(2) is refused here';
}
const reason = cannotRegister();

describe.skipIf(reason !== undefined)(`processes${reason === undefined ? '' : `: ${reason}`}`, () => {
  it('with the way of TCMalloc break on 6.19; on 7.1 by the length that they registered', async () => {
    const short = doctor('-p', `${await start(program('slabs-old'), ['wait'])}`);
    expect(verdictsOf(short.kernels)).toEqual(['4.18-6.18 runs', '6.19-7.0.9 breaks', '7.0.10- runs']);
    expect(short.program.process.registrations).toMatchObject([{ threads: 1, length: 32, byGlibc: false }]);
    const long = doctor('-p', `${await start(program('slabs-old'), ['wait', '64'])}`);
    expect(verdictsOf(long.kernels)).toEqual([
      '4.18-6.2 depends',
      '6.3-6.18 runs',
      '6.19-7.0.9 breaks',
      '7.0.10- breaks',
    ]);
    expect(long.kernels[0]!.reasons.at(-1)).toMatchObject({ cause: 'registration' });
    expect(long.kernels[3]!.reasons[0]!.text).toContain('more than 32 bytes are registered');
  });

  it('that behave run everywhere, and go on', async () => {
    const pid = await start(program('slabs-new'), ['wait']);
    const { status, kernels, program: seen } = doctor('-p', `${pid}`);
    expect([status, verdictsOf(kernels)]).toEqual([0, ['4.18- runs']]);
    expect(seen.files).toMatchObject([{ name: 'slabs-new', sections: 1, writes: [] }]);
    expect(process.kill(pid, 0)).toBe(true);
  });

  it('of Node run everywhere; its glibc and tunables are told', async () => {
    const script = 'console.log("ready"); setInterval(() => {}, 1 << 30)';
    const env = { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' };
    const { kernels, program: seen } = doctor('-p', `${await start(process.execPath, ['-e', script], env)}`);
    expect(verdictsOf(kernels)).toEqual(['4.18- runs']);
    expect(seen.process.tunables).toBe('glibc.pthread.rseq=0');
    if (seen.process.glibc !== null) expect(seen.process.glibc.version).toMatch(/^2\.\d+$/);
  });

  it.for<[string, string, string[], RegExp | undefined]>([
    ['uses-glibc.so', '1', ['4.18-6.18 runs', '6.19-7.0.9 breaks', '7.0.10- runs'], undefined],
    [
      'uses-glibc.so',
      '0',
      ['4.18- runs'],
      /relies on glibc's registration, and there is none: GLIBC_TUNABLES/,
    ],
    ['own-area.so', '1', ['4.18- runs'], /two want to register: glibc was first/],
    ['own-area.so', '0', ['4.18- runs'], /no thread has registered/],
  ])(
    'that load %s with glibc.pthread.rseq=%s: who has the registration decides',
    async ([library, on, verdicts, note], { skip }) => {
      const koffi = JSON.stringify(createRequire(import.meta.url).resolve('koffi'));
      const load = `require(${koffi}).load(${JSON.stringify(program(library))})`;
      const script = `${load}; console.log("ready"); setInterval(() => {}, 1 << 30)`;
      const env = { GLIBC_TUNABLES: `glibc.pthread.rseq=${on}` };
      const { kernels, program: seen } = doctor(
        '-p',
        `${await start(process.execPath, ['-e', script], env)}`,
      );
      // musl, and glibc before 2.35 or since 2.41, register otherwise.
      const version = seen.process.glibc?.version ?? 'none';
      skip(!/^2\.(3[5-9]|40)$/.test(version), `glibc ${version}`);
      expect(verdictsOf(kernels)).toEqual(verdicts);
      if (note !== undefined) expect(seen.notes.join('; ')).toMatch(note);
      expect(seen.files).toMatchObject([
        { name: library, area: library === 'own-area.so' ? 'own' : 'glibc' },
      ]);
    },
  );

  it('that a command starts are judged when they end; their output is their own', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-doctor-'));
    try {
      const file = join(folder, 'out.json');
      const args = ['doctor', '--format', 'json', '-o', file, '--', program('slabs-old'), 'x', '64'];
      expect(rseqlab(args)).toMatchObject({ status: 1, stdout: 'ready\n', stderr: '' });
      expect(verdictsOf(read(readFileSync(file, 'utf8')).kernels)).toContain('7.0.10- breaks');
    } finally {
      rmSync(folder, { recursive: true });
    }
    const told = rseqlab(['doctor', '--', program('slabs-new')]);
    expect(told).toMatchObject({ status: 0, stdout: 'ready\n' });
    expect(told.stderr).toMatch(/Linux 4\.18 and newer {2}runs/);
  });

  it('that a command starts live on when the doctor is killed', async () => {
    const tool = spawn(process.execPath, [BIN, 'doctor', '--', program('slabs-new'), 'wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    started.push(tool);
    await new Promise((resolve) => tool.stdout.once('data', resolve));
    const children = readFileSync(`/proc/${tool.pid}/task/${tool.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number);
    const command = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'slabs-new')!;
    tool.kill('SIGKILL');
    await new Promise((resolve) => tool.once('exit', resolve));
    expect(process.kill(command, 0)).toBe(true);
    expect(readFileSync(`/proc/${command}/status`, 'utf8')).toMatch(/^TracerPid:\t0$/m);
    process.kill(command, 'SIGKILL');
  });

  it.each([
    [['-p', '4194304'], /there is no process 4194304/],
    [['-p', '2'], /kernel|zombie|there is no process|no thread/],
    [['--', '/nonexistent/program'], /cannot run \/nonexistent\/program: .*ENOENT/],
  ])('that cannot be looked at: %j', (args, message) => {
    expect(oneErrorLine(rseqlab(['doctor', ...args]))).toMatch(message);
  });
});

describe('wrong usage', () => {
  it.each([
    [['-p', 'x'], /give a whole number/],
    [['-p', '1', 'file'], /give one of: files, -p PID, a command behind --/],
    [['file', '--', 'true'], /give one of/],
    [['--'], /no command behind --/],
    [['--brief', 'file'], /--brief is about kernels/],
    [['--simulated', '-p', '1'], /--simulated is about kernels/],
    [['/nonexistent'], /cannot read \/nonexistent: .*; give a program/],
    [['/etc'], /no file that can be judged/],
    [['package.json'], /is not an ELF file/],
    [['test/corpus/linked/archive.a'], /is not an ELF file/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(['doctor', ...args]))).toMatch(message);
  });
});
