import type { Kernel } from './kernel.js';
import type { View } from './policy.js';
import { armed } from './rseq/area.js';
import { isInside } from './rseq/inside.js';

const views = new WeakMap<Kernel, View>();

/** What the policy sees. */
export function viewOf(kernel: Kernel): View {
  let view = views.get(kernel);
  if (view === undefined) {
    view = {
      get state() {
        return kernel.state;
      },
      isArmed: (task) => armed(kernel, task) !== 0n,
      isInside: (task) => isInside(kernel, task),
    };
    views.set(kernel, view);
  }
  return view;
}
