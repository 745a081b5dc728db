import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rseqlab } from '../cli/command.js';
import type { Live } from '../cli/live.js';
import { joined, LARGE, pieces, resultOf, Server, withoutRedis } from '../explore/queue/redis.js';

describe.skipIf(withoutRedis !== undefined)(
  `explore --queue${withoutRedis ? ` (${withoutRedis})` : ''}`,
  () => {
    let server: Server;
    beforeAll(async () => {
      server = await Server.start();
    });
    afterAll(() => server.stop());
    const plain = (args: readonly string[]): unknown => resultOf(rseqlab(['explore', ...args]).stdout);

    it('gives what a dead worker had to another one, without help of the search itself', async () => {
      const coordinator = server.search('dead', 2, ...LARGE);
      const [first, second] = [server.worker('dead'), server.worker('dead')];
      await Promise.all([first.until(joined), second.until(joined)]);
      await server.holdInTheMiddle('dead', [coordinator, first, second]);
      first.signal('SIGKILL');
      await first.status();
      // The search stays held: who does the jobs now is BullMQ's affair.
      second.signal('SIGCONT');
      const left = async (): Promise<number> =>
        (await server.active('dead')) + (await server.redis.llen('{rseqlab:dead}:pieces:wait'));
      while ((await left()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      coordinator.signal('SIGCONT');
      expect(await coordinator.end()).toBe(0);
      expect(resultOf(coordinator.stdout)).toEqual(plain(LARGE));
      expect(await second.end()).toBe(0);
    });

    it('comes to the same while one worker after the other is killed in the middle', async () => {
      const coordinator = server.search('many', 2, ...LARGE, '--queue-piece', '128');
      const team: Live[] = [server.worker('many'), server.worker('many')];
      await Promise.all(team.map((each) => each.until(joined)));
      for (let killed = 0; killed < 10; killed++) {
        await server.holdInTheMiddle('many', [coordinator, ...team]);
        const victim = team.shift()!;
        victim.signal('SIGKILL');
        await victim.status();
        const next = server.worker('many');
        await next.until(joined);
        team.push(next);
        for (const each of [...team, coordinator]) each.signal('SIGCONT');
      }
      expect(await coordinator.end()).toBe(0);
      expect(resultOf(coordinator.stdout)).toEqual(plain(LARGE));
      for (const each of team) expect(await each.end()).toBe(0);
      expect(team.map(pieces).some((count) => count > 0)).toBe(true);
      expect(await server.lasting()).toEqual([]);
    });
  },
);
