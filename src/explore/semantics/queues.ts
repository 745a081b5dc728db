import type { Task } from '../../kernel/state.js';
import type { Access } from './access.js';
import { futexOf, STANDING, standingOf } from './standing.js';
import type { World } from './world.js';

/**
 * Who waits for which futex, as the kernel has it, while one task acts: made of how all tasks stand, and put back into that afterwards. So it is
 * the kernel's own code that wakes, moves and puts to sleep.
 */
export class Queues {
  private readonly sleepers: { readonly index: number; readonly task: Task; readonly before: bigint }[] = [];
  /** Other tasks that have not ended. */
  readonly others: number;

  constructor(
    private readonly world: World,
    private readonly access: Access,
    private readonly self: number,
    /** The acting task, too, is one of those that wait. */
    waits = false,
  ) {
    const { waiters } = world.kernel.state;
    waiters.clear();
    const found: { index: number; task: Task; before: bigint; key: string; place: number }[] = [];
    let others = 0;
    for (const [index, task] of world.tasks.entries()) {
      const before = access.standing(index);
      if (index !== self && before !== STANDING.ended) others++;
      const futex = index === self && !waits ? undefined : futexOf(before);
      if (futex === undefined) continue;
      if (index !== self) {
        task.state = 'blocked';
        task.wait = {
          keys: [futex.key],
          deadline: undefined,
          interruptible: true,
          data: { kind: 'futex', bitset: futex.bitset },
          ended: undefined,
          arguments: [],
        };
      }
      found.push({ index, task, before, key: futex.key, place: futex.place });
    }
    found.sort((a, b) => a.place - b.place);
    for (const { key, task } of found) waiters.set(key, [...(waiters.get(key) ?? []), task]);
    this.sleepers = found;
    this.others = others;
  }

  /** The acting task waits no more. */
  leave(): void {
    const { waiters } = this.world.kernel.state;
    const self = this.world.tasks[this.self]!;
    for (const [key, list] of waiters)
      waiters.set(
        key,
        list.filter((each) => each !== self),
      );
  }

  /** Says how tasks stand now, where that has changed. */
  settle(): void {
    const { world, access, self } = this;
    const { state } = world.kernel;
    const acting = world.tasks[self]!;
    const all = this.sleepers.some(({ index }) => index === self)
      ? this.sleepers
      : [...this.sleepers, { index: self, task: acting, before: STANDING.awake }];
    for (const { index, task, before } of all) {
      const now = this.standing(task);
      if (now !== before) access.setStanding(index, now);
      if (index === self) continue;
      task.state = 'runnable';
      task.wait = undefined;
    }
    state.waiters.clear();
    state.timers = [];
  }

  private standing(task: Task): bigint {
    const { waiters } = this.world.kernel.state;
    for (const [key, list] of waiters) {
      const place = list.indexOf(task);
      if (place >= 0)
        return standingOf({ place, key, bitset: (task.wait!.data as { bitset: number }).bitset });
    }
    return task.state === 'blocked' ? STANDING.alone : STANDING.awake;
  }
}
