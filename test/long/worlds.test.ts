import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRecording } from '../../src/event/recording.js';
import { freeIds } from '../checkpoint/ids.js';
import { COUNTERS, firstLine, TWO, unpacked } from '../checkpoint/images.js';
import { ROOT, rseqlab } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const MOMENTS = 25;
const TAKE = join(ROOT, 'test/fixtures/checkpoint/two.mjs');
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-worlds-'));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const countEvents = (recording: string): number =>
  readRecording(readFileSync(recording), recording).events.count;

/** Frozen while it counts. */
async function frozen(image: string, ...words: string[]): Promise<string> {
  const child: ChildProcess = spawn(COUNTERS, ['60000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await firstLine(child);
  child.kill('SIGSTOP');
  const { stdout } = rseqlab(['checkpoint', `${child.pid}`, '-o', image, '--kill', ...words]);
  child.kill('SIGKILL');
  await ended;
  return stdout;
}

describe.skipIf(reason !== undefined)(title('both worlds'), () => {
  it(`${MOMENTS} images of a real process go on in the simulated machine, and count right`, async () => {
    let inside = 0;
    for (let n = 1; n <= MOMENTS; n++) {
      inside += Number(/(\d) inside/.exec(await frozen(file('real.img')))?.[1] ?? 0);
      const schedule = n % 5 === 0 ? 'random' : 'rr';
      expect(
        rseqlab(['restore', '--simulated', '--seed', `${n}`, '--schedule', schedule, file('real.img')]),
      ).toEqual({ status: 0, stdout: 'counted 240000 of 240000\n', stderr: '' });
    }
    expect(inside).toBeGreaterThan(MOMENTS);
  });

  it('what can happen next from the middle of a section is verified, and what a naive checkpointer makes of it is not', () => {
    const freeze = (image: string, ...words: string[]) =>
      spawnSync(process.execPath, [TAKE, TWO, image, ...words], { encoding: 'utf8' });
    expect(freeze(file('right.img'))).toMatchObject({ status: 0, stderr: '' });
    expect(rseqlab(['explore', '--start-from', file('right.img')]).status).toBe(0);
    expect(freeze(file('naive.img'), '--keep-position')).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = rseqlab(['explore', '--start-from', file('naive.img')]);
    expect(status).toBe(1);
    expect(stdout).toContain('the program ends with status 1');
  });

  it.each([
    ['counters', '500'],
    ['musl', 'threads'],
    ['glibc', 'threads'],
    ['glibc', 'signals'],
    ['musl', 'heap'],
  ] as const)(
    `${MOMENTS} images of a simulated process end in the real kernel as they would have: %s %s`,
    (name, word) => {
      const program = name === 'counters' ? COUNTERS : unpacked(name, folder);
      const recording = file('simulated.rseq');
      const ran = rseqlab(['run', '--pid', freeIds(), '--record', recording, program, word]);
      expect(ran.status).toBe(0);
      const count = countEvents(recording);
      for (let n = 1; n <= MOMENTS; n++) {
        const at = Math.floor((count * n) / (MOMENTS + 1));
        const image = file('simulated.img');
        const taken = rseqlab(['checkpoint', `${recording}@${at}`, '-o', image]);
        expect(taken, `event ${at}`).toMatchObject({ status: 0, stderr: '' });
        const restored = rseqlab(['restore', image]);
        expect({ ...restored, stdout: '' }, `event ${at}`).toEqual({ status: 0, stdout: '', stderr: '' });
        expect(ran.stdout.endsWith(restored.stdout), `event ${at}`).toBe(true);
      }
    },
  );
});
