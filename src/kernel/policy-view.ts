import type { Kernel } from './kernel.js';
import type { View } from './policy.js';
import { isInside } from './rseq/inside.js';

const views = new WeakMap<Kernel, View>();

/** What the policy sees. */
export function viewOf(kernel: Kernel): View {
  let view = views.get(kernel);
  if (view === undefined) {
    view = { state: kernel.state, isInside: (task) => isInside(kernel, task) };
    views.set(kernel, view);
  }
  return view;
}
