import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { BIN, oneErrorLine, rseqlab, withFolder } from '../cli/command.js';
import { reason, title } from '../linux/here.js';
import { Standing } from './standing.js';

const NARROW = fileURLToPath(new URL('programs/narrow', import.meta.url));
const runs = reason === undefined && spawnSync(NARROW, { input: '' }).status === 0;
const why = reason ?? (runs ? undefined : 'this kernel runs no 32-bit programs');

const refusal = (command: string): string =>
  `rseqlab: narrow is a 32-bit program, and ${command} works on 64-bit ones: rseqlab inspect and doctor look at it`;

describe.skipIf(why !== undefined)(title('a 32-bit program', why), () => {
  const open: Standing[] = [];
  afterEach(async () => {
    for (const standing of open.splice(0)) await standing.end();
  });
  const start = async (): Promise<string> => {
    const standing = await Standing.run(NARROW, []);
    open.push(standing);
    return String(standing.pid);
  };

  it.each(['stress', 'step', 'enforce', 'annotate', 'explain'])('is refused by %s', (command) => {
    const run = rseqlab([command, '--', NARROW]);
    expect(run.stdout).toBe('');
    expect(oneErrorLine(run)).toBe(refusal(command));
  });

  it.each(['stress', 'step', 'explain'])('is refused by %s -p, and goes on', async (command) => {
    const pid = await start();
    expect(oneErrorLine(rseqlab([command, '-p', pid]))).toBe(refusal(command));
    expect(await open.pop()!.end()).toBe('exit 0');
  });

  it('is not written to an image', async () => {
    const pid = await start();
    const run = withFolder((folder) => rseqlab(['checkpoint', '-o', join(folder, 'image'), pid]));
    expect(oneErrorLine(run)).toMatch(/cannot checkpoint process \d+: it is a 32-bit program/);
  });

  it('is traced with a note', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'trace', '--', NARROW], {
      input: '',
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'ready\n' });
    expect(stderr).toContain(
      'rseqlab: note: narrow is a 32-bit program: of those aborts are seen by perf, and no rseq calls\n',
    );
  });

  it('is told of by doctor', async () => {
    expect(rseqlab(['doctor', '-p', await start()]).stdout).toContain('registered  1 thread: 32 bytes');
  });
});
