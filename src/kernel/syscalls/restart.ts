import { failure } from '../errno.js';
import type { Task } from '../state.js';
import type { Call, Calls, Result } from './call.js';
import { goOnWaiting } from './futex.js';
import { goOnPolling } from './poll.js';
import { goOnSleeping } from './time.js';

type Restart = NonNullable<Task['restart']>;

/** How calls go on after a signal without a handler, by Task.restart.call (struct restart_block::fn): with what they left there. */
const RESTARTS: Readonly<Record<string, (call: Call, data: unknown) => Result>> = {
  futex: goOnWaiting,
  nanosleep: goOnSleeping,
  poll: goOnPolling,
};

export const RESTART_CALLS: Calls = {
  restart_syscall: (call) => {
    const { task, resumed } = call;
    const restart: Restart | undefined = task.restart;
    if (restart === undefined) return failure('EINTR');
    return RESTARTS[restart.call]!(call, resumed?.data ?? restart.data);
  },
};
