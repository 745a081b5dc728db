/**
 * Breakpoints at all instructions of a section, behind an abort: the first that the thread comes to shows whether it has armed the section again. They
 * abort where it has, so they are planted only where nothing but this is asked for.
 */
import type { Instance } from './instance.js';

export class Witnesses {
  private readonly waiting = new Map<Instance, Set<number>>();

  /** The thread was stopped: what does it come to next? */
  await(instance: Instance, tid: number): void {
    const { space, bias, target } = instance;
    this.waiting.set(instance, (this.waiting.get(instance) ?? new Set()).add(tid));
    for (const { at } of target.points) space.plant(at + bias);
  }

  /** The thread has come to one of them. False: nobody waits for it. */
  sees(instance: Instance, tid: number): boolean {
    const waiting = this.waiting.get(instance);
    if (waiting?.delete(tid) !== true) return false;
    if (waiting.size === 0) this.remove(instance);
    return true;
  }

  end(): void {
    for (const instance of this.waiting.keys()) this.remove(instance);
  }

  /** What the round has planted stays. */
  private remove(instance: Instance): void {
    const { space, bias, target, round } = instance;
    this.waiting.delete(instance);
    for (const point of target.points) if (!round.has(point)) space.remove(point.at + bias);
  }
}
