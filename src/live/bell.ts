/** What ends a wait(2) that would last too long: a child of ours that ends when our patience does. It ends with us, too. */
import { SIG } from '../abi/signals.js';
import { call } from '../linux/libc.js';
import { go, startStopped } from '../linux/spawn.js';
import { PR_SET_PDEATHSIG } from '../linux/stub.js';
import { waitFor } from '../linux/wait.js';

/** Seconds in which a thread comes to a stop, unless it waits for a disk or a server that does not answer, or the machine is much too busy. */
const PATIENCE = 10;

let hung: { readonly pid: number; readonly since: number } | undefined;

/** The child: one that does not ring too soon. */
export function bell(): number {
  if (hung !== undefined && performance.now() - hung.since > (PATIENCE * 1000) / 2) {
    call('kill', hung.pid, SIG.SIGKILL);
    waitFor(hung.pid);
    hung = undefined;
  }
  hung ??= { pid: hang(), since: performance.now() };
  return hung.pid;
}

/** Somebody has heard it. */
export function forgetBell(): void {
  hung = undefined;
}

function hang(): number {
  const seconds = new Uint8Array(new BigUint64Array([BigInt(PATIENCE), 0n]).buffer);
  const pid = startStopped(
    [process.execPath],
    [
      { name: 'prctl', arguments: [PR_SET_PDEATHSIG, SIG.SIGKILL] },
      { name: 'nanosleep', arguments: [seconds, 0] },
      { name: 'exit_group', arguments: [0] },
    ],
    {},
  );
  go(pid);
  return pid;
}
