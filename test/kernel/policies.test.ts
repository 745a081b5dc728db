import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/event/event.js';
import { makePolicy, POLICIES } from '../../src/kernel/policies/index.js';
import { parseScript } from '../../src/kernel/policies/script.js';
import type { Policy } from '../../src/kernel/policy.js';
import { type Simulated, type Simulation, simulate } from './simulated.js';

const COUNTER = { program: 'examples/run/counter', arguments: [] } as const;
const count = (rest: Partial<Simulation>): Simulated => simulate({ ...COUNTER, ...rest });
const of = <K extends Event['kind']>({ events }: Simulated, kind: K): Extract<Event, { kind: K }>[] =>
  events.filter((event): event is Extract<Event, { kind: K }> => event.kind === kind);

const SCRIPT = 'script:run 1000 200\nrun 1001 50\nmigrate 1001 1\nsignal 1002 SIGCONT\nrest random';
const SCHEDULES = ['rr', 'random', 'aborts', 'pct:1', 'pct:3', SCRIPT];

describe.each(SCHEDULES)('schedule %s', (schedule) => {
  it('loses no increment on 1 to 4 CPUs', () => {
    for (const cpus of [1, 2, 4])
      for (const seed of [1, 2, 3]) {
        const { stdout, status } = count({ schedule, cpus, seed });
        expect({ cpus, seed, stdout, status }).toEqual({
          cpus,
          seed,
          stdout: 'counted 1000 of 1000\n',
          status: 0,
        });
      }
  });

  it('makes the same events for the same seed, and others for another', () => {
    const hashes = new Set(Array.from({ length: 10 }, () => count({ schedule, seed: 7 }).hash));
    expect(hashes.size).toBe(1);
    if (schedule !== 'rr') expect(hashes).not.toContain(count({ schedule, seed: 8 }).hash);
  });

  it('goes on from a copy of its data as it would have itself', () => {
    const copying = (policy: Policy): Policy => {
      let current = policy;
      let turns = 0;
      return {
        data: undefined,
        turn(view, ready) {
          if (++turns % 10 === 0) current = { ...current, data: structuredClone(current.data) };
          return current.turn(view, ready);
        },
        pick: (view, cpu) => current.pick(view, cpu),
        place: (view, task, allowed) => current.place(view, task, allowed),
      };
    };
    expect(count({ schedule, seed: 3, policy: copying }).hash).toBe(count({ schedule, seed: 3 }).hash);
  });
});

describe('random', () => {
  it('makes one stream of events in 50 runs with one seed', () => {
    const hashes = Array.from({ length: 50 }, () => count({ schedule: 'random', seed: 11 }).hash);
    expect(new Set(hashes).size).toBe(1);
  });

  const all = Array.from({ length: 10 }, (_, seed) => count({ schedule: 'random', seed, cpus: 2 }));

  it('preempts, moves waiting and running threads, and aborts', () => {
    const migrations = all.flatMap((each) => of(each, 'migrate')).length;
    const aborts = all.flatMap((each) => of(each, 'abort'));
    expect(migrations).toBeGreaterThan(50);
    expect(aborts.length).toBeGreaterThan(10);
    expect(aborts.some(({ causes }) => causes.includes('migrate'))).toBe(true);
  });

  it('preempts a thread that is alone: a thread of the kernel takes the CPU', () => {
    const alone = simulate({
      program: 'test/fixtures/rseq/rules',
      arguments: ['plain', '-', '32'],
      schedule: 'rr',
    });
    expect(of(alone, 'abort')).toEqual([]);
    const counts = all.flatMap((each) => of(each, 'switch')).filter(({ from, to }) => from !== 0 && to === 0);
    expect(counts.length).toBeGreaterThan(10);
  });
});

describe('aborts', () => {
  it('aborts each instruction of a section, many times', () => {
    const { events } = count({ schedule: 'aborts', seed: 1 });
    const ips = events.flatMap((event) => (event.kind === 'abort' ? Number(event.ip) : []));
    expect(ips.length).toBeGreaterThan(100);
    const byIp = new Map<number, number>();
    for (const ip of ips) byIp.set(ip, (byIp.get(ip) ?? 0) + 1);
    // cmp, jne, mov, inc, mov
    expect(byIp.size).toBe(5);
    expect(Math.min(...byIp.values())).toBeGreaterThan(5);
  });

  it('finds the increments that are lost where the section is not armed in time', () => {
    const lost = Array.from({ length: 20 }, (_, seed) =>
      simulate({ program: 'examples/run/counter-gap', arguments: [], schedule: 'aborts', seed }),
    ).filter(({ stdout }) => stdout !== 'counted 1000 of 1000\n');
    expect(lost.length).toBeGreaterThan(10);
  });
});

describe('pct', () => {
  it('runs one thread until it waits, where there is no change point', () => {
    const { events } = count({ schedule: 'pct:1', seed: 2, cpus: 1 });
    const preempted = events.filter((event) => event.kind === 'switch' && !event.voluntary);
    // The main thread may begin another of a higher priority; those then run to their ends.
    expect(preempted.length).toBeLessThanOrEqual(4);
  });

  it('needs a depth of at least 1', () => {
    expect(() => makePolicy('pct:0', 1)).toThrow('at least 1: pct:3');
    expect(() => makePolicy('pct', 1)).toThrow('the schedule pct needs a number: pct:3');
  });
});

describe('a script', () => {
  const run = (...steps: string[]): Simulated => count({ cpus: 2, schedule: `script:${steps.join('\n')}` });

  it('interrupts exactly where it says', () => {
    const { events } = run('until @count_end 1001', 'preempt', 'until @count_start', 'preempt');
    const [clear, abort] = events.filter(({ kind }) => kind === 'clear' || kind === 'abort');
    expect(clear).toMatchObject({ kind: 'clear', tid: 1001 });
    expect(abort).toMatchObject({ kind: 'abort', tid: 1001, causes: ['preempt'] });
  });

  it('aborts at each instruction of the section', () => {
    const first = run('until @count_start 1001', 'preempt').events.find(({ kind }) => kind === 'abort');
    expect(first).toMatchObject({ kind: 'abort' });
    const { startIp, postCommitOffset } = first as Extract<Event, { kind: 'abort' }>;
    const ips: bigint[] = [];
    for (let n = 0; n < 5; n++) {
      const { events } = run('until @count_start 1001', `run 1001 ${n}`, 'preempt');
      for (const event of events) if (event.kind === 'abort') ips.push(event.ip);
    }
    expect(ips[0]).toBe(startIp);
    expect(new Set(ips).size).toBe(5);
    for (const ip of ips) expect(ip - startIp < postCommitOffset).toBe(true);
  });

  it('counts instructions of its thread, over system calls, and lets others run while it cannot', () => {
    const { events } = run('run 1003 40', 'migrate 1003 1', 'run 0 10', 'run cpu1 10');
    expect(events.some((event) => event.kind === 'migrate' && event.tid === 1003 && event.to === 1)).toBe(
      true,
    );
  });

  it('leaves out steps for threads that are gone', () => {
    expect(run('run 1000 100', 'run 1001 100000', 'run 1001 5').status).toBe(0);
  });

  it('may hand over to another policy', () => {
    expect(count({ schedule: 'script:rest random', seed: 5 }).hash).toBe(
      count({ schedule: 'random', seed: 5 }).hash,
    );
  });

  const WRONG: readonly (readonly [text: string, message: string])[] = [
    ['run', 'script, line 1: write: run WHO N'],
    [
      'run 0 1\n\nhalt',
      'script, line 3: there is no step halt; there are run, until, preempt, tick, migrate, signal, rest',
    ],
    ['preempt', 'script, line 1: who? Write preempt WHO: no step before it says'],
    ['run x 5', 'script, line 1: x is not a CPU (0, cpu0) or a thread (1000)'],
    ['run 0 -5', 'script, line 1: -5 is not a number of instructions'],
    ['until main 0', 'script, line 1: main is no address; write it as 0x4011c4'],
    ['migrate 5 1', 'script, line 1: 5 is no thread: the first program is 1000, its threads come after it'],
    ['signal 1000 99', 'script, line 1: there is no signal 99; write 1 to 64, or SIGUSR1'],
    ['rest', 'script, line 1: write: rest POLICY, such as rest random'],
  ];
  it.each(WRONG)('is refused: %j', (text, message) => {
    expect(() => parseScript(text)).toThrow(new RangeError(message));
  });

  it('cannot go on with a script, or with what is not there', () => {
    expect(() => makePolicy('script:rest script:x', 1)).toThrow('write rest rr');
    expect(() => makePolicy('script:rest best', 1)).toThrow('there is no schedule best');
  });
});

it.each(['6.18', '7.1'])('mm_cid is unique among running threads, and small: %s', (kernel) => {
  let looks = 0;
  const watching = (own: Policy): Policy => ({
    ...own,
    turn(view, ready) {
      const cids = ready.map(({ current }) => current!.mmCid);
      expect(new Set(cids).size).toBe(cids.length);
      for (const cid of cids) expect(cid >= 0 && cid < view.state.cpus.length).toBe(true);
      if (cids.length > 1) looks++;
      return own.turn(view, ready);
    },
  });
  for (const cpus of [2, 3, 8])
    for (const schedule of ['random', 'aborts']) {
      const { events } = count({ cpus, schedule, kernel, seed: cpus, policy: watching });
      const updates = events.filter((event) => event.kind === 'rseq-update');
      expect(updates.length).toBeGreaterThan(3);
      // Five threads.
      for (const { cpu, cpuId, mmCid } of updates) expect([cpuId, mmCid < 5]).toEqual([cpu, true]);
    }
  expect(looks).toBeGreaterThan(100);
});

it('every policy says in words what it does', () => {
  for (const { text } of Object.values(POLICIES)) expect(text.length).toBeGreaterThan(10);
});
