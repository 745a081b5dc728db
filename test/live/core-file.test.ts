import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { NT } from '../../src/checkpoint/elf-core.js';
import { threadStat, threadsOf } from '../../src/linux/procfs.js';
import type { InspectDocument } from '../../src/report/inspect-document.js';
import { BIN, oneErrorLine, ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-core-'));
const file = (name: string): string => join(folder, name);
const started: ChildProcess[] = [];
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

async function start(): Promise<number> {
  const output = file('output');
  const fd = openSync(output, 'w');
  const child = spawn('nice', ['-n', '19', COUNTERS, '1000000000'], { stdio: ['ignore', fd, fd] });
  started.push(child);
  const pid = child.pid!;
  // It has said that it counts, and all its threads do.
  const counting = () => {
    const [, ...others] = threadsOf(pid);
    return others.length === 4 && others.every((tid) => nanosecondsOf(pid, tid) > 1e6);
  };
  while (!readFileSync(output, 'utf8').includes('\n') || !counting())
    await new Promise((resolve) => setImmediate(resolve));
  return pid;
}

/** How long a thread had a CPU (proc_pid_schedstat). */
const nanosecondsOf = (pid: number, tid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);

/** Every thread of it stands still. */
async function stopped(): Promise<number> {
  const pid = await start();
  process.kill(pid, 'SIGSTOP');
  while (threadsOf(pid).some((tid) => threadStat(pid, tid)?.state !== 'T'))
    await new Promise((resolve) => setImmediate(resolve));
  return pid;
}

const core = (pid: number, name: string): string => {
  const made = rseqlab(['checkpoint', `${pid}`, '-o', file(name), '--format', 'core']);
  end();
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(made.stdout).toMatch(/: core of process \d+, 5 threads, \d inside a section; \d+ bytes; stood still for [\d.]+ ms\n$/); // biome-ignore format: one line
  return file(name);
};

const inspect = (path: string) =>
  (JSON.parse(rseqlab(['inspect', '--format', 'json', path]).stdout) as InspectDocument).processes[0]!;

/** An ELF core by its headers, read apart from the code that is tested. */
function elf(path: string) {
  const bytes = readFileSync(path);
  const notes: { owner: string; type: number; content: Buffer }[] = [];
  const loads: { start: bigint; content: Buffer }[] = [];
  for (let n = 0; n < bytes.readUInt16LE(56); n++) {
    const at = 64 + 56 * n;
    const [offset, size] = [Number(bytes.readBigUInt64LE(at + 8)), Number(bytes.readBigUInt64LE(at + 32))];
    const part = bytes.subarray(offset, offset + size);
    if (bytes.readUInt32LE(at) === 1) loads.push({ start: bytes.readBigUInt64LE(at + 16), content: part });
    if (bytes.readUInt32LE(at) !== 4) continue;
    for (let note = 0; note < part.length; ) {
      const [name, length, type] = [0, 4, 8].map((field) => part.readUInt32LE(note + field)) as [
        number,
        number,
        number,
      ];
      const body = note + 12 + 4 * Math.ceil(name / 4);
      notes.push({
        owner: part.toString('latin1', note + 12, note + 12 + name - 1),
        type,
        content: part.subarray(body, body + length),
      });
      note = body + 4 * Math.ceil(length / 4);
    }
  }
  return { notes, loads };
}

/** Of each thread by its id: the notes of a type, in the order of the threads. */
function perThread(path: string, type: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let tid = 0;
  for (const { owner, type: each, content } of elf(path).notes) {
    if (owner === 'CORE' && each === NT.PRSTATUS) tid = content.readInt32LE(32);
    if (each === type && owner !== 'RSEQLAB') found.set(tid, content);
  }
  return found;
}

/** It takes processors that others could use, though it is nice. */
function end(): void {
  for (const child of started.splice(0)) child.kill('SIGKILL');
}
afterEach(end);
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(reason !== undefined)(title('a core'), () => {
  it('of an image says of its threads what the image says', async () => {
    const pid = await start();
    let sections = 0;
    for (let n = 0; n < 50 && sections === 0; n++) {
      const { stdout } = rseqlab(['checkpoint', `${pid}`, '-o', file('it.img')]);
      sections = Number(/(\d) inside/.exec(stdout)![1]);
    }
    end();
    expect(sections).toBeGreaterThan(0);
    const made = rseqlab(['checkpoint', file('it.img'), '-o', file('it.core'), '--format', 'core']);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toMatch(new RegExp(`: core of process ${pid}, 5 threads; \\d+ bytes\n$`));
    const [image, core] = [inspect(file('it.img')), inspect(file('it.core'))];
    expect(core).toMatchObject({ kind: 'core', pid, name: 'counters', executable: COUNTERS });
    expect(core.auxv).toEqual(image.auxv);
    expect(core.threads).toHaveLength(5);
    for (const [index, thread] of core.threads.entries()) {
      const { tid, name, call, ip, known, registration, area, section, problems } = image.threads[index]!;
      expect(thread).toMatchObject({ tid, name, call, ip, known, registration, area, section, problems });
    }
    expect(core.threads.filter(({ section }) => section?.position === 'inside')).toHaveLength(sections);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.skipIf(!has('gdb'))(
    'is what gcore says of the same process, note by note and byte by byte',
    async () => {
      const pid = await stopped();
      const gcore = spawnSync('gdb', ['-nx', '-batch', '-p', `${pid}`, '-ex', `gcore ${file('gdb.core')}`], {
        encoding: 'utf8',
      });
      expect(gcore.stdout).toContain('Saved corefile');
      const ours = core(pid, 'ours.core');
      const theirs = file('gdb.core');
      const REGISTERS = [112, 112 + 27 * 8] as const;
      const status = perThread(theirs, NT.PRSTATUS);
      expect([...perThread(ours, NT.PRSTATUS).keys()].sort()).toEqual([...status.keys()].sort());
      expect(status.size).toBe(5);
      for (const [tid, content] of perThread(ours, NT.PRSTATUS))
      expect([tid, content.subarray(...REGISTERS).toString('hex')]).toEqual([tid, status.get(tid)!.subarray(...REGISTERS).toString('hex')]); // biome-ignore format: one line
      // gdb makes it of the registers that it knows, and mxcsr_mask is none of them.
      const floats = (content: Buffer): string =>
        content.toString('hex', 0, 28) + content.toString('hex', 32, 416);
      for (const [tid, content] of perThread(ours, NT.FPREGSET))
        expect([tid, floats(content)]).toEqual([tid, floats(perThread(theirs, NT.FPREGSET).get(tid)!)]);
      const auxv = (path: string): string => perThread(path, NT.AUXV).values().next().value!.toString('hex');
      expect(auxv(ours)).toBe(auxv(theirs));
      const names = (path: string): string[] => {
        const note = perThread(path, NT.FILE).values().next().value!;
        return note.toString('utf8', 16 + 24 * Number(note.readBigUInt64LE(0))).split('\0');
      };
      expect(new Set(names(ours))).toEqual(new Set(names(theirs)));
      // What both hold is the same, and all that can be written to is in ours.
      const mine = elf(ours).loads;
      let compared = 0;
      for (const { start, content } of elf(theirs).loads)
        for (const own of mine) {
          if (own.start < start || own.start >= start + BigInt(content.length) || own.content.length === 0)
            continue;
          const at = Number(own.start - start);
          expect([own.start, Buffer.compare(own.content, content.subarray(at, at + own.content.length))]).toEqual([own.start, 0]); // biome-ignore format: one line
          compared += own.content.length;
        }
      expect(compared).toBeGreaterThan(500_000);
    },
  );

  it.skipIf(!has('gdb'))('is one that gdb opens', async () => {
    const path = core(await start(), 'gdb-opens.core');
    const commands = [
      'info threads',
      // One of the four is in its loop of assembly code for certain.
      'thread apply all bt',
      'thread apply all x/i $pc',
      'print (long) rounds',
      'print $fs_base == (unsigned long) $fs_base',
      'info registers rip',
    ];
    const { stdout } = spawnSync('gdb', ['-nx', '-batch', ...commands.flatMap((each) => ['-ex', each]), COUNTERS, path], { encoding: 'utf8' }); // biome-ignore format: one line
    expect(stdout).toContain(`Core was generated by \`${COUNTERS} 1000000000'`);
    expect(stdout.match(/^[* ] +\d +LWP \d+ /gm)).toHaveLength(5);
    expect(stdout).toContain('= 1000000000');
    expect(stdout).toMatch(/^#[01] .*\bthread \(/m);
    expect(stdout).toMatch(/^=> 0x[0-9a-f]+ <count\+\d+>:/m);
  });

  it.skipIf(!has('readelf'))('is one that readelf reads', async () => {
    const path = core(await start(), 'readelf.core');
    const { stdout, stderr } = spawnSync('readelf', ['-hln', '-W', path], { encoding: 'utf8' });
    expect(stdout).toMatch(/Type: +CORE/);
    for (const name of [
      'NT_PRSTATUS',
      'NT_PRPSINFO',
      'NT_SIGINFO',
      'NT_AUXV',
      'NT_FILE',
      'NT_FPREGSET',
      'NT_X86_XSTATE',
    ])
      expect(stdout).toContain(name);
    expect(stderr.replaceAll(/readelf: Warning: .*(unknown|Unrecogni[sz]ed).*\n/gi, '')).toBe('');
  });

  it('of a simulated process says of its threads what an image of that says', () => {
    const recording = file('counters.rec');
    rseqlab(['run', '--record', recording, COUNTERS, '50']);
    for (const [name, format] of [
      ['simulated.img', 'image'],
      ['simulated.core', 'core'],
    ] as const) {
      const args = ['checkpoint', `${recording}@200`, '-o', file(name), '--format', format];
      expect(rseqlab(args)).toMatchObject({ status: 0, stderr: '' });
    }
    const [image, core] = [inspect(file('simulated.img')), inspect(file('simulated.core'))];
    expect(image.image!.kernel).toMatch(/\(simulated\)$/);
    expect(core.threads.length).toBeGreaterThan(1);
    for (const [index, { tid, ip, registration, area, section }] of core.threads.entries())
      expect(image.threads[index]).toMatchObject({ tid, ip, registration, area, section });
  });

  it('is explained as one of a process that no signal has ended', async () => {
    const path = core(await start(), 'explained.core');
    const { stdout, status } = rseqlab(['explain', path]);
    expect(status).toBe(0);
    expect(stdout).toContain('no signal has ended');
  });

  it('leaves nothing behind when its maker is killed, at any moment', async () => {
    const pid = await start();
    const before = readdirSync(folder).sort();
    const isTraced = (): boolean => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    const children = (): string => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    for (let n = 0; n < 6; n++) {
      const tool = spawn(process.execPath, [BIN, 'checkpoint', `${pid}`, '-o', file('killed.core'), '--format', 'core'], { stdio: 'ignore' }); // biome-ignore format: one command
      const gone = new Promise((resolve) => tool.once('exit', resolve));
      // Before, while, and some time after its process stands still.
      const over = (): boolean => tool.exitCode !== null;
      while (n > 0 && !isTraced() && !over()) await turn();
      while (n > 1 && isTraced() && !over()) await turn();
      for (let turns = n > 2 ? 30 * n * n : 0; turns > 0 && !over(); turns--) await turn();
      tool.kill('SIGKILL');
      await gone;
      // Its keeper gives up.
      while (isTraced() || children() !== '') await turn();
      expect(
        readdirSync(folder)
          .filter((name) => name !== 'killed.core')
          .sort(),
      ).toEqual(before);
    }
  });

  it('is refused in one line, and nothing is left behind', async () => {
    const pid = await start();
    const image = file('source.img');
    expect(rseqlab(['checkpoint', `${pid}`, '-o', image]).status).toBe(0);
    const before = readdirSync(folder).sort();
    const refuse = (args: string[]): string => oneErrorLine(rseqlab(['checkpoint', ...args]));
    expect(refuse([`${pid}`, '-o', '/no/such/folder/x', '--format', 'core'])).toContain(
      'choose another place with -o',
    );
    end();
    expect(refuse([image, '-o', file('x')])).toContain(
      'is no number of a process; an image can be made a core, with --format core',
    );
    spawnSync('mkfifo', [file('pipe')]);
    if (existsSync(file('pipe')))
      expect(refuse([image, '-o', file('pipe'), '--format', 'core'])).toContain('it is no regular file');
    rmSync(file('pipe'), { force: true });
    expect(refuse([image, '-o', '/dev/full/x', '--format', 'core'])).toContain(
      'choose another place with -o',
    );
    expect(refuse(['/no/such/image', '-o', file('x'), '--format', 'core'])).toContain(
      'there is no such file',
    );
    expect(refuse(['README.md', '-o', file('x'), '--format', 'core'])).toContain(
      'README.md is not a recording',
    );
    expect(refuse([image, '-o', file('x'), '--format', 'core', '--kill'])).toContain('--kill');
    const bytes = readFileSync(image);
    bytes[bytes.length - 50]! ^= 1;
    writeFileSync(file('damaged.img'), bytes);
    expect(refuse([file('damaged.img'), '-o', file('x'), '--format', 'core'])).toContain('is damaged');
    rmSync(file('damaged.img'));
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(existsSync(file('x'))).toBe(false);
    expect(statSync(image).size).toBe(bytes.length);
  });
});
