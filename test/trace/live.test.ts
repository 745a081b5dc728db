import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { threadCall, threadStat } from '../../src/linux/procfs.js';
import { oneErrorLine, rseqlab } from '../cli/command.js';
import { Live } from '../cli/live.js';
import { noPerf, noPtrace, title } from './here.js';
import { eventually, Program } from './process.js';

const BUSY = 'examples/trace/busy';
const programs: Program[] = [];
const start = (...args: ConstructorParameters<typeof Program>): Program => {
  const program = new Program(...args);
  programs.push(program);
  return program;
};
afterEach(async () => {
  for (const program of programs.splice(0)) await program.kill();
});

describe.skipIf(noPerf)(title('a process that runs', noPerf), () => {
  it('is watched by perf until Ctrl-C, which ends with the summary; it goes on', async () => {
    const program = start(BUSY, '60000');
    const live = new Live(['trace', '-p', `${program.pid}`]);
    await live.until(({ stdout }) => / abort .*\n/.test(stdout));
    live.signal('SIGINT');
    expect(await live.end()).toBe(0);
    expect(live.stdout).toMatch(/in (count|add_up) \(sections\.S:\d+\) in busy/);
    expect(live.stderr).toMatch(/^rseqlab: [1-9]\d* aborts in [12] sections/m);
    expect(program.isFree).toBe(true);
  });

  it('is watched until it ends', async () => {
    const program = start(BUSY, '6000');
    const { status, stdout } = rseqlab(['trace', '--summary', '-p', `${program.pid}`]);
    expect(stdout).toMatch(/^rseqlab: trace of process \d+\n/);
    expect(status).toBe(0);
    expect((await program.end()).end).toBe(0);
  });

  it('is left alone when the tool is killed', async () => {
    const program = start(BUSY, '60000');
    for (let round = 0; round < 3; round++) {
      const live = new Live(['trace', '--abuse', '-p', `${program.pid}`]);
      await live.until(({ stdout }) => stdout.includes('details'));
      live.signal('SIGKILL');
      await live.status();
      expect(program.isFree).toBe(true);
    }
    program.terminate();
    expect(await program.end()).toEqual({ end: 0, output: expect.stringMatching(/^counted to \d+\n$/) });
  });

  it('is stopped by SIGSTOP inside a section: that is said', async () => {
    const program = start(BUSY, '60000');
    const live = new Live(['trace', '--events', 'abort', '-p', `${program.pid}`]);
    await live.until(({ stdout }) => / abort .*\n/.test(stdout));
    const state = () => /^State:\t(\w)/m.exec(readFileSync(`/proc/${program.pid}/status`, 'latin1'))![1];
    // It may have been outside.
    while (!live.stdout.includes('it was stopped (SIGSTOP and its like)')) {
      program.child.kill('SIGSTOP');
      await eventually(() => state() === 'T');
      const before = live.stdout.length;
      program.child.kill('SIGCONT');
      await live.until(({ stdout }) => stdout.length > before);
    }
    live.signal('SIGINT');
    expect(await live.status()).toBe(0);
    program.terminate();
    await program.end();
  });

  it('has a live table, one after the other without a terminal', () => {
    const { stdout, status } = rseqlab(['top', '--interval', '1', '--', BUSY, '1300']);
    expect(stdout.match(/^rseqlab top: examples\/trace\/busy/gm)!.length).toBeGreaterThanOrEqual(2);
    expect(stdout).toMatch(/^aborts\/s +aborts +lost section +causes +hottest instruction$/m);
    expect(stdout).toMatch(/ (count|add_up) .* \d+% sections\.S:\d+ \w+/);
    expect(status).toBe(0);
  });

  it.skipIf(!existsSync('/usr/bin/script'))(
    'has a live table on a terminal, which keys sort and end, and which is given back',
    async () => {
      const program = start(BUSY, '60000');
      const live = new Live(['top', '-p', `${program.pid}`], { terminal: true });
      await live.until(({ stdout }) => / (count|add_up) /.test(stdout));
      live.write('n');
      await live.until(({ stdout }) => stdout.includes('n name*'));
      live.write('q');
      expect(await live.end()).toBe(0);
      expect(live.stdout.startsWith('\u001b[?1049h\u001b[?25l')).toBe(true);
      // The last table stays on the terminal, in full.
      const [, left] = live.stdout.split('\u001b[?25h\u001b[?1049l');
      expect(left).toMatch(/^rseqlab top: process \d+,.*(?:.*\r\n)* +[\d.]+ .* (count|add_up) /);
      expect(program.isFree).toBe(true);
    },
  );

  it.skipIf(!existsSync('/usr/bin/script')).each(['perf', 'ptrace'])(
    'that we have started by %s ends by Ctrl-C on its terminal, and that is told',
    async (source) => {
      const live = new Live(['trace', '--source', source, '--', BUSY, '60000'], { terminal: true });
      await live.until(({ stdout }) => / rseq\(/.test(stdout));
      live.write('\u0003');
      expect(await live.status()).toBe(130);
      expect(live.stdout).toMatch(/ exit +pid=\d+ killed by SIGINT\r\n/);
    },
  );

  it('is counted for Prometheus', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const program = start(BUSY, '60000');
    const live = new Live(['trace', '--metrics', `:${port}`, '-p', `${program.pid}`]);
    await live.until(({ stdout }) => / abort .*\n/.test(stdout));
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toMatch(
      /^rseq_aborts_total\{section="(count|add_up)",file="[^"]*busy",source="sections\.S:\d+",cause="[a-z+]+".*\} [1-9]\d*$/m,
    );
    expect(text).toMatch(/^rseq_trace_lost_records_total\{.*\} 0$/m);
    live.signal('SIGTERM');
    await live.end();
  });

  it('is counted for a collector, by OTLP', async () => {
    const posts: { url: string | undefined; names: string[] }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const metrics = JSON.parse(body).resourceMetrics[0].scopeMetrics[0]?.metrics ?? [];
        posts.push({ url: request.url, names: metrics.map(({ name }: { name: string }) => name) });
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const live = new Live(['trace', '--summary', '--otlp', `http://127.0.0.1:${port}`, '--', BUSY, '700']);
    expect(await live.end()).toBe(0);
    server.close();
    // Also what happened last is sent, before the end.
    expect(posts.at(-1)).toMatchObject({
      url: '/v1/metrics',
      names: expect.arrayContaining(['rseq.aborts', 'rseq.calls']),
    });
    const refused = rseqlab(['trace', '--summary', '--otlp', `http://127.0.0.1:${port}`, '--', BUSY, '100']);
    expect(refused.stderr).toMatch(/^rseqlab: counts could not be sent: .*ECONNREFUSED/m);
    expect(refused.status).toBe(0);
  });

  it('entries are counted by hardware breakpoints, where there are some', () => {
    const { stdout } = rseqlab([
      'top',
      '--entered',
      '--interval',
      '5',
      '--',
      'bench/live/storm',
      '50000',
      '20000',
    ]);
    if (stdout.includes('entries cannot be counted')) return;
    const [, aborts, entered] = / *\S+ +(\d+) +(\d+) .* once /.exec(stdout)!;
    expect(Number(aborts)).toBe(50_000);
    expect(Number(entered)).toBeGreaterThan(0);
    expect(Number(entered)).toBeLessThanOrEqual(50_000);
  });
});

describe.skipIf(noPtrace)(title('a process by ptrace', noPtrace), () => {
  const others = (): number[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(join('live', 'trace', 'tracer.js'));
        } catch {
          return false;
        }
      });

  it('is let go at Ctrl-C, and when the tool is killed', async () => {
    const program = start(BUSY, '60000');
    for (const signal of ['SIGINT', 'SIGKILL', 'SIGKILL'] as const) {
      const live = new Live(['trace', '--source', 'ptrace', '-p', `${program.pid}`]);
      await live.until(({ stdout }) => stdout.includes('details'));
      live.signal(signal);
      await live.end();
      // Who ends by itself has let go before.
      if (signal === 'SIGINT') expect(program.isFree).toBe(true);
      await eventually(() => program.isFree);
    }
    program.terminate();
    expect(await program.end()).toEqual({ end: 0, output: expect.stringMatching(/^counted to \d+\n$/) });
  });

  it('that we have started lives on when the tool is killed, and can register', async () => {
    const before = new Set(others());
    const live = new Live(['trace', '--source', 'ptrace', '--', 'test/trace/programs/later']);
    await live.until(({ stderr }) => / rseq\(/.test(stderr));
    live.signal('SIGKILL');
    // Its output is ours still: it ends when the program does.
    expect(await live.end()).toBe(null);
    expect(live.stdout).toBe('registered 20 of 20\n');
    await eventually(() => others().every((pid) => before.has(pid)));
  });

  it('that we have started can register when the tracer itself is killed', async () => {
    const before = new Set(others());
    const live = new Live(['trace', '--source', 'ptrace', '--', 'test/trace/programs/later']);
    await live.until(({ stderr }) => / rseq\(/.test(stderr));
    const line = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    const tracer = others().find((pid) => !before.has(pid) && line(pid).includes('guarded'))!;
    const program = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .find((pid) => threadStat(pid)?.parent === tracer && threadStat(pid)?.name === 'later')!;
    const tracedBy = () =>
      Number(/TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${program}/status`, 'latin1'))?.[1]);
    // It does not call until somebody else has taken over.
    process.kill(program, 'SIGSTOP');
    const stands = () => threadStat(program)?.state === 't';
    const hasNothingToDo = () => threadCall(tracer, tracer)?.kind === 'call';
    await eventually(() => stands() && hasNothingToDo() && stands());
    process.kill(tracer, 'SIGKILL');
    await eventually(() => tracedBy() !== tracer && tracedBy() !== 0);
    process.kill(program, 'SIGCONT');
    await live.end();
    expect(live.stdout).toBe('registered 20 of 20\n');
    await eventually(() => others().every((pid) => before.has(pid)));
  });
});

it.skipIf(noPtrace)(
  title('a process that has ended, and is not waited for, is no target', noPtrace),
  async () => {
    const parent = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [output] = await once(parent.stdout, 'data');
    const pid = Number(output);
    // A shell would wait for it: it must be another program first.
    await eventually(() => threadStat(parent.pid!)?.name === 'sleep');
    process.kill(pid, 'SIGKILL');
    await eventually(() => threadStat(pid)?.state === 'Z');
    expect(oneErrorLine(rseqlab(['trace', '-p', `${pid}`]))).toMatch(/process \d+ \(\w+\) has ended/);
    parent.kill('SIGKILL');
  },
);

it.skipIf(noPtrace)(title('a port that is in use is said', noPtrace), async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const error = oneErrorLine(rseqlab(['top', '--metrics', `:${port}`, '-p', '1']));
  expect(error).toContain('cannot listen there (EADDRINUSE)');
  server.close();
});

const root = process.getuid?.() === 0;
describe.skipIf(noPerf !== undefined || !root)('without privilege', () => {
  it('a command is watched by ptrace, and it is said what perf would need; the machine is not to be had', async () => {
    const { spawnSync } = await import('node:child_process');
    const { BIN, ROOT } = await import('../cli/command.js');
    const nobody = { uid: 65534, gid: 65534, cwd: ROOT, encoding: 'utf8' } as const;
    const probe = spawnSync(process.execPath, [BIN, '--version'], nobody);
    // The repository may lie where others may not read.
    if (probe.error !== undefined || probe.status !== 0) return;
    const command = spawnSync(process.execPath, [BIN, 'trace', '--', '/bin/sh', '-c', 'exit 3'], nobody);
    expect(command.stderr).toMatch(/^rseqlab: note: without perf: .*(run as root|CAP_PERFMON|tracefs)/);
    expect(command.status).toBe(3);
    const all = spawnSync(process.execPath, [BIN, 'trace', '-a'], nobody);
    expect(all.stderr).toMatch(/^rseqlab: .*(run as root|tracefs).*\n$/);
    expect(all.status).toBe(2);
    const foreign = spawnSync(process.execPath, [BIN, 'trace', '-p', `${process.pid}`], nobody);
    expect(foreign.stderr).toMatch(/^rseqlab: cannot trace process \d+: it belongs to user .*\n$/);
    expect(foreign.status).toBe(2);
  });
});
