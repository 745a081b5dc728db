import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { kernelColumn } from '../../src/abi/kernel-rules.js';
import { runningKernel } from '../../src/linux/kernel.js';
import { threadStat } from '../../src/linux/procfs.js';
import { inspectProcess } from '../../src/live/inspect/look.js';
import { LiveProcess } from '../../src/live/process.js';
import { BIN, oneErrorLine, rseqlab } from '../cli/command.js';
import { Live } from '../cli/live.js';
import { reason, title } from '../linux/here.js';
import { inspect, STANDING, Standing, stable } from './standing.js';

const open: Standing[] = [];
const start = async (row: string): Promise<Standing> => {
  const standing = await Standing.start(row);
  open.push(standing);
  return standing;
};
afterEach(async () => {
  for (const standing of open.splice(0)) {
    standing.signal('SIGKILL');
    await standing.end();
  }
});

/** A glibc program with several threads, some of them in a system call that a stop would end with EINTR. */
const NODE = `const { Worker } = require('node:worker_threads');
const two = new Worker('setInterval(() => {}, 1e6); require("node:worker_threads").parentPort.postMessage(0)', { eval: true });
two.once('message', () => console.log('ready'));
process.stdin.resume(); process.stdin.on('close', () => process.exit(7));`;

/** What is printed differs by kernel. */
const usual = reason === undefined && kernelColumn(runningKernel().release) === '6.18';

describe.skipIf(reason !== undefined)(title('inspect'), () => {
  it('says what is registered, and by whom, and the program goes on', async () => {
    const standing = await (await start('waiting')).waits();
    const { processes, status } = inspect(String(standing.pid));
    expect(status).toBe(0);
    expect(processes[0]).toMatchObject({
      kind: 'live',
      pid: standing.pid,
      name: 'standing',
      glibc: null,
      tracer: null,
    });
    const [thread] = processes[0]!.threads;
    expect(thread).toMatchObject({
      state: 'waiting',
      call: 'read',
      known: 'kernel',
      note: null,
      registration: { length: 32, signature: '0x53053053', flags: 0, owner: { kind: 'static' } },
      section: null,
      problems: [],
      ip: { function: 'waiting' },
    });
    expect(thread!.registration!.owner.text).toContain('area in standing');
    expect(thread!.stopped).toBeGreaterThan(0);
    expect(thread!.area).toMatchObject({ rseq_cs: '0x0', flags: 0 });
    expect(thread!.area!['cpu_id']).toBe(thread!.area!['cpu_id_start']);
    expect(thread!.refuses.map(({ answer }) => answer)).toContain('EBUSY');
    expect(await standing.end()).toBe('exit 0');
  });

  it.skipIf(!usual)('prints', async () => {
    const standing = await (await start('waiting')).waits();
    const { stdout } = rseqlab(['inspect', String(standing.pid)]);
    await expect(stable(stdout, standing.pid)).toMatchFileSnapshot('../fixtures/cli/transcripts/inspect.txt');
  });

  it('says that nothing is registered, and what would be refused', async () => {
    const standing = await (await start('unregistered')).waits();
    const { processes, status } = inspect(String(standing.pid));
    expect(status).toBe(0);
    expect(processes[0]!.threads).toMatchObject([{ known: 'kernel', registration: null, area: null }]);
    expect(processes[0]!.threads[0]!.refuses).toContainEqual(
      expect.objectContaining({ answer: 'EINVAL', why: 'the thread has registered nothing' }),
    );
  });

  it('leaves a thread alone that runs, and asks the kernel with --stop', async () => {
    const standing = await start('running');
    const without = inspect(String(standing.pid));
    expect(without.status).toBe(3);
    const runs = without.processes[0]!.threads.find(({ tid }) => tid === standing.pid)!;
    expect(runs).toMatchObject({ known: 'unknown', stopped: null, registration: null, ip: null });
    expect(runs.note).toContain('--stop');
    const withStop = inspect('--stop', String(standing.pid));
    expect(withStop.status).toBe(0);
    expect(withStop.processes[0]!.threads.find(({ tid }) => tid === standing.pid)).toMatchObject({
      known: 'kernel',
      registration: { length: 32 },
      ip: { function: 'running' },
    });
    expect(await standing.end()).toBe('exit 0');
  });

  it('says that a stop aborts a section, where one was asked for', async () => {
    const standing = await start('inside');
    // It is in its section nearly all the time, and out of it for some instructions.
    for (;;) {
      const { processes } = inspect('--stop', String(standing.pid));
      const { section, note } = processes[0]!.threads.find(({ tid }) => tid === standing.pid)!;
      if (section?.position !== 'inside') continue;
      expect(section).toMatchObject({
        state: 'valid',
        start: { function: 'spin_start' },
        abort: { function: 'spin_abort' },
      });
      expect(note).toContain('aborts');
      break;
    }
    expect(await standing.end()).toBe('exit 0');
  });

  it('does not stop a thread that stands inside a section', async () => {
    const standing = await (await start('in-call')).waits();
    const { processes, status } = inspect(String(standing.pid));
    expect(status).toBe(3);
    const [thread] = processes[0]!.threads;
    expect(thread).toMatchObject({ known: 'unknown', stopped: null });
    expect(thread!.note).toContain('inside the section standing_start in standing');
    const asked = inspect('--stop', String(standing.pid)).processes[0]!.threads[0]!;
    expect(asked).toMatchObject({ known: 'kernel', section: { state: 'valid', position: 'inside' } });
    expect(await standing.end()).toBe('exit 0');
  });

  it('finds an rseq_cs that leads nowhere', async () => {
    // A switch between the store and the call kills it first: another one then.
    for (;;) {
      const standing = await start('dangling');
      try {
        await standing.waits();
      } catch {
        continue;
      }
      const { processes, status } = inspect(String(standing.pid));
      expect(status).toBe(1);
      expect(processes[0]!.threads[0]).toMatchObject({
        section: { state: 'dangling', rseq_cs: '0x10', descriptor: null },
        problems: [{ rule: 'descriptor-unreadable' }],
      });
      break;
    }
  });

  it('finds fields that the kernel has not written', async () => {
    const standing = await (await start('abused')).waits();
    const { processes, status } = inspect(String(standing.pid));
    const [thread] = processes[0]!.threads;
    // A switch after the store has mended it (up to 6.18): nothing is wrong then.
    if (Number(thread!.area!['cpu_id_start']) >= 0x8000_0000) {
      expect(status).toBe(1);
      expect(thread!.problems[0]).toMatchObject({ rule: 'kernel-field' });
    }
    expect(await standing.end()).toBe('exit 0');
  });

  it('looks at hundreds of threads, which all live on', async () => {
    const standing = await (await start('many')).waits();
    const { processes } = inspect(String(standing.pid));
    const registered = processes[0]!.threads.filter(({ registration }) => registration !== null);
    expect(processes[0]!.threads).toHaveLength(301);
    expect(
      registered.length + processes[0]!.threads.filter(({ known }) => known === 'unknown').length,
    ).toBeGreaterThanOrEqual(300);
    expect(new Set(registered.map(({ registration }) => registration!.address)).size).toBe(registered.length);
    expect(await standing.end()).toBe('exit 0');
  });

  it('is killed in the middle, and the threads live on', async () => {
    const standing = await (await start('many')).waits();
    for (let round = 0; round < 6; round++) {
      const tool = spawn(process.execPath, [BIN, 'inspect', String(standing.pid)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = new Promise((resolve) => tool.on('close', resolve));
      // At some moment of its work, another one each time.
      for (let turn = 0; turn < 40 * round; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      tool.kill('SIGKILL');
      await ended;
    }
    expect(await standing.end()).toBe('exit 0');
  });

  it('knows the threads of glibc without a stop, and leaves those alone whose call would end with EINTR', async () => {
    const node = await Standing.run(process.execPath, ['-e', NODE]);
    open.push(node);
    await node.waits();
    const { processes } = inspect(String(node.pid));
    const [about] = processes;
    if (about!.glibc !== null && about!.glibc.__rseq_size > 0) {
      const first = about!.threads.find(({ tid }) => tid === node.pid)!;
      expect(first).toMatchObject({
        known: 'derived',
        stopped: null,
        registration: { owner: { kind: 'glibc' }, signature: '0x53053053' },
      });
      expect(first.note).toMatch(/EINTR|runs/);
      const asked = about!.threads.filter(({ known }) => known === 'kernel');
      expect(asked.every(({ registration }) => registration?.owner.kind === 'glibc')).toBe(true);
      // What is derived is what the kernel says.
      const all = inspect('--stop', String(node.pid)).processes[0]!.threads;
      for (const { tid, registration } of about!.threads)
        if (registration !== null)
          expect(all.find((each) => each.tid === tid)?.registration).toEqual(registration);
    }
    expect(await node.end()).toBe('exit 7');
  });

  it('leaves a stopped process stopped', async () => {
    const standing = await (await start('waiting')).waits();
    standing.signal('SIGSTOP');
    let state = '';
    while (state !== 'stopped') state = inspect(String(standing.pid)).processes[0]!.threads[0]!.state;
    const { processes } = inspect(String(standing.pid));
    expect(processes[0]!.threads[0]).toMatchObject({
      state: 'stopped',
      known: 'kernel',
      registration: { length: 32 },
    });
    standing.signal('SIGCONT');
    expect(await standing.end()).toBe('exit 0');
  });

  it('says who traces it, and what is known all the same', async () => {
    const standing = await (await start('waiting')).waits();
    const tracer = new Live(['explain', '-p', String(standing.pid)]);
    while (inspect(String(standing.pid)).processes[0]!.tracer === null);
    const [about] = inspect(String(standing.pid)).processes;
    expect(about!.tracer).toMatchObject({ pid: tracer.leaf, name: expect.any(String) });
    expect(about!.threads[0]).toMatchObject({ known: 'unknown', stopped: null, call: 'read' });
    expect(about!.threads[0]!.note).toContain(`traced by process ${tracer.leaf}`);
    expect(oneErrorLine(rseqlab(['explain', '-p', String(standing.pid)]))).toContain('end that first');
    expect(await standing.end()).toBe('exit 0');
    expect(await tracer.status()).toBe(0);
  });

  it('looks at a 32-bit program', async ({ skip }) => {
    let standing: Standing;
    try {
      standing = await Standing.run(fileURLToPath(new URL('programs/narrow', import.meta.url)), []);
    } catch {
      return skip('this kernel runs no 32-bit programs');
    }
    open.push(standing);
    await standing.waits();
    const [about] = inspect(String(standing.pid)).processes;
    expect(about).toMatchObject({ architecture: 'i386', glibc: null });
    expect(about!.threads[0]).toMatchObject({
      known: 'kernel',
      registration: { length: 32, signature: '0x53053053' },
    });
    return expect(await standing.end()).toBe('exit 0');
  });

  it('says what a zombie and a thread of the kernel are', async () => {
    // The shell becomes a program that does not wait for its child, which ends when that has come about.
    const parent = spawn(
      'sh',
      ['-c', '(until grep -q tail /proc/$$/comm; do :; done) & echo $!; exec tail -f /dev/null'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    try {
      const pid = await new Promise<string>((resolve) =>
        parent.stdout!.on('data', (text) => resolve(String(text).trim())),
      );
      const state = () => /State:\t(\w)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      while (state() !== 'Z') await new Promise(setImmediate);
      expect(oneErrorLine(rseqlab(['inspect', pid]))).toContain(
        'is a zombie: it has ended, and its memory is gone',
      );
    } finally {
      parent.kill('SIGKILL');
    }
    const kthreadd = threadStat(2);
    if (kthreadd?.name === 'kthreadd')
      expect(oneErrorLine(rseqlab(['inspect', '2']))).toBe(
        'rseqlab: process 2 (kthreadd) is a thread of the kernel: it has no user space',
      );
  });

  it('says that a process has ended meanwhile', async () => {
    const standing = await (await start('waiting')).waits();
    const target = new LiveProcess(standing.pid);
    await standing.end();
    expect(() => inspectProcess(target, { stop: false, kernel: runningKernel() })).toThrow(
      `process ${standing.pid} (standing) has ended while it was looked at`,
    );
  });

  it.skipIf(process.getuid?.() !== 0)('says what to grant', async ({ skip }) => {
    const standing = await (await start('waiting')).waits();
    const asNobody = (...args: string[]) =>
      spawnSync(process.execPath, [BIN, 'inspect', ...args], { uid: 65534, gid: 65534, encoding: 'utf8' });
    const { stderr, status } = asNobody(String(standing.pid));
    if (!stderr.startsWith('rseqlab:')) return skip('nobody may not read the files of this repository');
    expect(status).toBe(2);
    // One line for all that have the same reason.
    expect(asNobody('--all').stdout).toMatch(
      new RegExp(`^  it belongs to user 0; run .*:\\n    .*\\b${standing.pid} \\(standing\\)`, 'm'),
    );
    return expect(stderr).toBe(
      `rseqlab: not allowed to look at process ${standing.pid} (standing): it belongs to user 0; run as that user or as root, or with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE)\n`,
    );
  });

  it('draws on a terminal until the process has gone', async () => {
    const standing = await (await start('waiting')).waits();
    const live = new Live(['inspect', '--watch', '--interval', '0.1', String(standing.pid)], {
      terminal: true,
    });
    await live.until(({ stdout }) => stdout.split('thread ').length > 3);
    expect(await standing.end()).toBe('exit 0');
    await live.until(({ stdout }) => stdout.includes('there is no process'));
    expect(await live.status()).toBe(0);
  });

  it('draws no line that is wider than the terminal; q ends, and what was seen last stays', async () => {
    const standing = await (await start('waiting')).waits();
    const live = new Live(['inspect', '--watch', '--interval', '0.1', String(standing.pid)], {
      terminal: true,
      columns: 40,
    });
    await live.until(({ stdout }) => stdout.split('thread ').length > 3);
    live.write('q');
    expect(await live.end()).toBe(0);
    const [drawn, left] = live.stdout.split('\u001b[?1049l');
    // Live gives latin1.
    const shown = Buffer.from(drawn!, 'latin1').toString();
    const lines = stripVTControlCharacters(shown).split('\r\n');
    expect(Math.max(...lines.map((line) => line.replace('\r', '').length))).toBe(40);
    expect(left).toContain(`thread ${standing.pid} standing: waiting in read`);
    expect(left).toMatch(/^.{60,}$/m);
  });

  it('looks at every process that there is', ({ skip }) => {
    // Those of a namespace: others may be about to be traced by other tests.
    const script = '"$1" waiting < /dev/zero > /dev/null & exec 3<&0; "$0" "$2" inspect --all';
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      [
        '--pid',
        '--fork',
        '--mount-proc',
        '--kill-child',
        'sh',
        '-c',
        script,
        process.execPath,
        STANDING,
        BIN,
      ],
      { encoding: 'utf8', timeout: 60_000 },
    );
    if (error !== undefined || /unshare/.test(stderr)) return skip(`no namespaces here: ${stderr}`);
    expect(stderr).toBe('');
    expect([0, 1, 3]).toContain(status);
    expect(stdout).toMatch(/^PID +NAME +THREADS +REGISTERED/);
    expect(stdout).toMatch(/^\d+ +standing +1 /m);
  });

  it.each([
    [['2147483646'], 'rseqlab: there is no process 2147483646; ps -e lists those that there are'],
    [[], 'rseqlab: inspect: nothing given; give the number of a process, a core, an image, or --all'],
    [['--all', '1'], 'rseqlab: inspect: --all takes no targets; leave one of them out'],
    [['nonesuch'], 'rseqlab: cannot read nonesuch: there is no such file or directory'],
    [
      ['package.json'],
      'rseqlab: package.json is no ELF core and no image; give one of these, or the number of a process',
    ],
    [
      ['test/live/programs/standing'],
      'rseqlab: test/live/programs/standing is a program or library, not a core; rseqlab check looks at those',
    ],
    [['--watch', '1'], 'rseqlab: inspect: --watch draws on a terminal; leave it out to print once'],
  ])('refuses %j in one line', (args, line) => {
    expect(oneErrorLine(rseqlab(['inspect', ...args]))).toBe(line);
  });
});
