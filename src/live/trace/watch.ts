import { Unavailable } from '../../linux/errors.js';
import type { SessionOptions } from './options.js';
import { openPerfWatch, type Watch } from './session.js';

/** Opens a watch by what is permitted. Throws Unavailable, TargetError. */
export async function openWatch(
  options: SessionOptions,
  told: Parameters<typeof openPerfWatch>[1],
): Promise<Watch> {
  if (options.source !== 'ptrace') return openPerfWatch(options, told);
  throw new Unavailable('ptrace: not yet');
}
