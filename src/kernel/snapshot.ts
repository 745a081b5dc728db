import type { Snapshot } from '../machine/address-space.js';
import type { Kernel } from './kernel.js';
import type { KernelState } from './state.js';

/** A whole simulated Linux at one moment. It stays good whatever is run afterwards, and can be gone back to any number of times. */
export interface KernelSnapshot {
  readonly state: KernelState;
  /** What the policy remembers. */
  readonly policy: unknown;
  /** Memory by Mm.id: only what has changed is copied. */
  readonly spaces: ReadonlyMap<number, Snapshot>;
}

/**
 * Takes a snapshot between two turns. It holds nothing of the host: input that is read after it is not given back when the kernel goes
 * back to it, unless the host does so.
 */
export function takeSnapshot(kernel: Kernel): KernelSnapshot {
  return {
    state: structuredClone(kernel.state),
    policy: structuredClone(kernel.policy.data),
    spaces: new Map(kernel.spaces.all.map(([id, { machine }]) => [id, machine.snapshot()])),
  };
}

/** Goes back, or forth, to a snapshot of this kernel. */
export function restoreSnapshot(kernel: Kernel, { state, policy, spaces }: KernelSnapshot): void {
  for (const [id] of kernel.spaces.all) if (!spaces.has(id)) kernel.spaces.release(id);
  for (const [id, memory] of spaces)
    (kernel.spaces.has(id)
      ? kernel.spaces.of(id)
      : kernel.spaces.create(id, state.mms.get(id)?.fold)
    ).machine.restore(memory);
  kernel.forgetAll();
  kernel.state = structuredClone(state);
  kernel.policy = { ...kernel.policy, data: structuredClone(policy) };
}
