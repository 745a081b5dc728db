import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { oneErrorLine, rseqlab } from '../../cli/command.js';
import { Live } from '../../cli/live.js';
import { joined, LARGE, live, pieces, resultOf, Server, withoutRedis } from './redis.js';

const SLAB = 'examples/explore/slab.o';
const BUG = 'examples/explore/slab-no-fence.o';
/** One that does not end while the test looks. */
const ENDLESS = ['--jobs', '1', '--format', 'json', '--no-fusion', '--scenario', 'push_pop4', SLAB];

describe.skipIf(withoutRedis !== undefined)(
  `explore --queue${withoutRedis ? ` (${withoutRedis})` : ''}`,
  () => {
    let server: Server;
    const folder = mkdtempSync(join(tmpdir(), 'rseqlab-test-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    beforeAll(async () => {
      server = await Server.start();
    });
    afterAll(() => server.stop());
    afterEach(async () => {
      await server.redis.flushall();
    });

    const search = (...given: Parameters<Server['search']>): Live => server.search(...given);
    const worker = (...given: Parameters<Server['worker']>): Live => server.worker(...given);
    const active = (name: string): Promise<number> => server.active(name);

    it('comes to the same when a worker is killed in the middle, and another one joins', async () => {
      const plain = rseqlab(['explore', ...LARGE]);
      const coordinator = search('kill', 2, ...LARGE);
      const [first, second] = [worker('kill'), worker('kill')];
      await Promise.all([first.until(joined), second.until(joined)]);
      await server.holdInTheMiddle('kill', [coordinator, first, second]);
      first.signal('SIGKILL');
      await first.status();
      const third = worker('kill');
      await third.until(joined);
      second.signal('SIGCONT');
      coordinator.signal('SIGCONT');
      expect(await coordinator.end()).toBe(0);
      expect(resultOf(coordinator.stdout)).toEqual(resultOf(plain.stdout));
      expect([await second.end(), await third.end()]).toEqual([0, 0]);
      expect(pieces(second)).toBeGreaterThan(0);
      expect(pieces(third)).toBeGreaterThan(0);
      expect(second.stdout).toContain('the search is over');
      expect(await server.lasting()).toEqual([]);
    });

    it.each([
      ['a counterexample', `--scenario push_pop_drain ${BUG}`, '64', 1],
      ['a bound', `--max-aborts 7 --scenario push_pop4 ${SLAB}`, '64', 3],
      ['whole states', `--exact --max-aborts 9 --scenario push_pop4 ${SLAB}`, '256', 3],
      [
        'store buffers, no reductions',
        `--memory tso --no-task-symmetry --no-fusion --no-dead-registers --max-aborts 3 --scenario push_pop3 ${SLAB}`,
        '256',
        3,
      ],
      ['all scenarios of a file', 'examples/explore/signal.o', '256', 0],
    ])('shows the same: %s', async (_, args, piece, status) => {
      const all = ['--jobs', '1', '--format', 'json', ...args.split(' ')];
      const plain = rseqlab(['explore', ...all]);
      const coordinator = search('same', 1, ...all, '--queue-piece', piece);
      const only = worker('same', '--jobs', '2');
      expect(await coordinator.end()).toBe(status);
      expect(plain.status).toBe(status);
      expect(resultOf(coordinator.stdout)).toEqual(resultOf(plain.stdout));
      expect(await only.end()).toBe(0);
      expect(await server.redis.keys('*')).toEqual([]);
    });

    it('shows the same from a recorded run', async () => {
      const file = join(folder, 'few.rseq');
      rseqlab(['run', '--cpus', '2', '--max-instructions', '100000', '--record', file, 'examples/run/few']);
      const all = [
        '--jobs',
        '1',
        '--format',
        'json',
        '--no-fusion',
        '--max-aborts',
        '4',
        '--start-from',
        `${file}@26`,
      ];
      const coordinator = search('run', 1, ...all, '--queue-piece', '500');
      const only = worker('run');
      expect(await coordinator.end()).toBe(3);
      expect(resultOf(coordinator.stdout)).toEqual(resultOf(rseqlab(['explore', ...all]).stdout));
      expect(await only.end()).toBe(0);
      expect(pieces(only)).toBeGreaterThan(0);
    });

    it('ends with Ctrl-C, and leaves nothing behind', async () => {
      const coordinator = search('stop', 1, ...ENDLESS);
      const only = worker('stop');
      await only.until(joined);
      while ((await active('stop')) === 0) await server.redis.ping();
      coordinator.signal('SIGINT');
      expect(await coordinator.end()).toBe(3);
      const [result] = JSON.parse(coordinator.stdout).results;
      expect(result).toMatchObject({ verdict: 'bounded', bound: { kind: 'interrupted' } });
      expect(await only.end()).toBe(0);
      expect(await server.redis.keys('*')).toEqual([]);
    });

    it('says on a terminal how many workers there are, and ends with the key', async () => {
      const output = join(folder, 'typed.json');
      const args = ['explore', '--queue', server.address, '--queue-name', 'typed', ...ENDLESS, '-o', output];
      const coordinator = new Live(args, { terminal: true });
      onTestFinished(() => coordinator.signal('SIGKILL'));
      const only = worker('typed');
      await coordinator.until(({ stdout }) => stdout.includes(' 1 worker, '));
      coordinator.write('\x03');
      expect(await coordinator.status()).toBe(3);
      expect(await only.end()).toBe(0);
      expect(JSON.parse(readFileSync(output, 'utf8')).results[0].verdict).toBe('bounded');
    });

    it('goes on without a worker that is told to leave', async () => {
      const coordinator = search('leave', 1, ...ENDLESS, '--max-states', '300k');
      const only = worker('leave');
      await only.until(joined);
      only.signal('SIGINT');
      expect(await only.end()).toBe(3);
      expect(only.stderr).toMatch(/^rseqlab: .*: left; the search goes on without this worker\n$/);
      expect(await coordinator.end()).toBe(3);
      expect(await server.redis.keys('*')).toEqual([]);
    });

    it('goes on alone when the Redis is lost, to the same verdict', async () => {
      const own = await Server.start();
      onTestFinished(() => own.stop());
      const plain = rseqlab(['explore', ...LARGE]);
      const coordinator = live(
        'explore',
        '--queue',
        own.address,
        '--queue-workers',
        '1',
        '--queue-piece',
        '64',
        ...LARGE,
      );
      const only = live('work', own.address);
      await only.until(joined);
      await own.stop();
      expect(await coordinator.end()).toBe(0);
      expect(resultOf(coordinator.stdout)).toEqual(resultOf(plain.stdout));
      expect(coordinator.stderr.split('\n')[1]).toMatch(
        /^rseqlab: the Redis at unix:.* is lost: .*; the search goes on here, alone$/,
      );
      expect(await only.end()).toBe(3);
      expect(only.stderr).toMatch(/^rseqlab: unix:.*: the Redis is lost: .*\n$/);
    });

    it('leaves nothing that lasts when it is killed; workers notice, and the same search can begin again', async () => {
      const killed = search('killed', 1, ...ENDLESS);
      const only = worker('killed');
      await only.until(joined);
      while ((await active('killed')) === 0) await server.redis.ping();
      killed.signal('SIGKILL');
      await killed.status();
      expect(await only.end()).toBe(3);
      expect(only.stderr).toMatch(/^rseqlab: .* has left the Redis: it has died, .*\n$/);
      expect(await server.lasting()).toEqual([]);
      const again = search('killed', 0, '--jobs', '1', '--format', 'json', 'examples/explore/counter.o');
      expect(await again.end()).toBe(0);
      expect(await server.redis.keys('*')).toEqual([]);
    });

    it('has workers that stay for the next search', async () => {
      const stays = worker('one', '--stay');
      for (const _ of [1, 2]) expect(await search('one', 1, 'examples/explore/counter.o').end()).toBe(0);
      await stays.until(({ stdout }) => stdout.split('joined').length === 3);
      stays.signal('SIGTERM');
      expect([0, 3]).toContain(await stays.end());
    });

    it('says in one line what is wrong', async () => {
      const coordinator = search('taken', 100, ...LARGE);
      await coordinator.until(({ stderr }) => stderr.includes('others join it'));
      const taken = ['explore', '--queue', server.address, '--queue-name', 'taken', SLAB];
      expect(oneErrorLine(rseqlab(taken))).toContain('the search taken is under way');
      const head = '{rseqlab:taken}:head';
      const right = await server.redis.get(head);
      await server.redis.set(head, JSON.stringify({ ...JSON.parse(right!), version: '0.0.9' }));
      expect(oneErrorLine(rseqlab(['work', server.address, '--queue-name', 'taken']))).toMatch(
        /is of rseqlab 0\.0\.9, and this is .*; install that version here/,
      );
      expect(oneErrorLine(rseqlab(['work', `${server.address}?db=99`]))).toContain(
        'DB index is out of range',
      );
      const nobody = rseqlab(['work', server.address, '--queue-name', 'nobody', '--wait', '0']);
      expect([nobody.status, nobody.stderr]).toEqual([
        3,
        expect.stringContaining('no search is under way there'),
      ]);
      coordinator.signal('SIGINT');
      expect(await coordinator.end()).toBe(3);
    });
  },
);

describe('what needs no Redis', () => {
  it.each([
    [
      ['explore', '--queue', 'redis://127.0.0.1:1', SLAB],
      'cannot reach the Redis at redis://127.0.0.1:1: connection refused',
    ],
    [['work', 'redis://me:secret@127.0.0.1:1'], 'cannot reach the Redis at redis://me:***@127.0.0.1:1'],
    [['work', 'unix:///nowhere/redis.sock'], 'there is no such file'],
    [['work', 'http://127.0.0.1'], 'http://127.0.0.1 is no address of a Redis'],
    [['explore', '--queue', 'redis://x/zero', SLAB], 'is no address of a Redis'],
    [['explore', '--queue', 'redis://127.0.0.1:1', '--queue-name', 'a b', SLAB], 'is no name for a search'],
    [['explore', '--queue-name', 'a', SLAB], 'give the Redis too, with --queue'],
    [
      ['explore', '--queue', 'redis://127.0.0.1:1', '--shard', '1/2', '-o', 'x', SLAB],
      'leave out one of --shard and --queue',
    ],
    [['explore', '--queue', 'redis://127.0.0.1:1', 'nowhere.o'], 'cannot read nowhere.o'],
  ])('%s', (args, text) => {
    expect(oneErrorLine(rseqlab(args))).toContain(text);
  });

  it('says what is missing where the packages are not installed', () => {
    const absent = `import { Module } from 'node:module'; const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => resolve(name === 'bullmq' ? 'bullmq-is-not-here' : name, ...rest);`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(absent)}` };
    for (const args of [
      ['work', 'redis://127.0.0.1:1'],
      ['explore', '--queue', 'redis://127.0.0.1:1', SLAB],
    ])
      expect(oneErrorLine(rseqlab(args, env))).toContain(
        'needs the packages bullmq and ioredis, which are not installed; install them beside rseqlab: npm install',
      );
  });
});
