import { SI } from '../abi/signals.js';
import type { Kernel } from './kernel.js';
import { moveTo } from './schedule.js';
import { makeSignal, sendSignal } from './signal/send.js';
import type { Act } from './state.js';

/** Does what a policy has chosen to happen. */
export function act(kernel: Kernel, what: Act): void {
  const task = kernel.state.tasks.get(what.tid);
  if (task === undefined) return;
  if (what.kind === 'signal') sendSignal(kernel, task, makeSignal(what.signal, { code: SI.USER }));
  else moveTo(kernel, task, kernel.state.cpus[what.to]!);
}
