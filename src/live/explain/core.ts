/** What ended the process of a core. */
import type { RunningKernel } from '../../linux/kernel.js';
import type { Explanation } from '../../report/explain-document.js';
import type { CoreProcess } from '../core.js';
import { seeCore } from '../inspect/core.js';
import { ownerOf } from '../inspect/owner.js';
import { explainSignal } from './cause.js';

/** Undefined: the core is of a process that lives (gcore). */
export function explainCore(core: CoreProcess, kernel: RunningKernel): Explanation | undefined {
  const { signal } = core;
  if (signal === undefined) return undefined;
  const { glibc, threads } = seeCore(core);
  const seen = threads.find(({ thread }) => thread.tid === signal.tid)!;
  const { configuration, state, threadPointer, ip = 0n } = seen;
  return explainSignal(
    {
      target: core,
      ...signal,
      ip,
      configuration,
      state,
      owner:
        configuration &&
        `${ownerOf(core, glibc, configuration.address, threadPointer).text}; derived, since a core does not hold what was registered${seen.note === undefined ? '' : `: ${seen.note}`}`,
    },
    kernel,
  );
}
