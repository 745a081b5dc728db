import { closeSync, readSync, writeSync } from 'node:fs';
import { SIG } from '../../abi/signals.js';
import { isErrno } from '../../linux/errors.js';
import { call, tryCall } from '../../linux/libc.js';
import { go, startStopped } from '../../linux/spawn.js';
import { waitFor } from '../../linux/wait.js';

/** Descriptors of a keeper, beside the three that everybody has. */
export const FROM_TOOL = 3;
export const TO_TOOL = 4;

/** In the environment of a keeper: who types its command has no pipes. */
export const MARK = 'RSEQLAB_KEEPER';

const POLLIN = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const PR_SET_PDEATHSIG = 1;
const SIG_SETMASK = 2;

/** struct pollfd: what the tool writes, or that it is gone. */
const pollOne = (): Uint8Array => Uint8Array.of(FROM_TOOL, 0, 0, 0, POLLIN, 0, 0, 0);

const keepFromChildren = (keep: boolean): void => {
  for (const fd of [FROM_TOOL, TO_TOOL]) call('fcntl', fd, F_SETFD, keep ? FD_CLOEXEC : 0);
};

/** The two pipes between a keeper and its tool: JSON, a message a line. */
export class Channel {
  private rest = '';
  /** The other end is closed: the tool has ended, whatever way. */
  gone = false;

  constructor() {
    keepFromChildren(true);
  }

  send(message: object): void {
    const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let at = 0; at < bytes.length && !this.gone; ) {
      try {
        at += writeSync(TO_TOOL, bytes, at);
      } catch (error) {
        if (!isErrno(error, 'EAGAIN')) this.gone = true;
        else tryCall('ppoll', Uint8Array.of(TO_TOOL, 0, 0, 0, 4, 0, 0, 0), 1, 0, 0, 0);
      }
    }
  }

  /** The next message; undefined where there is none yet (with `wait`: none any more). */
  receive(wait: boolean): unknown {
    for (;;) {
      const end = this.rest.indexOf('\n');
      if (end >= 0) {
        const line = this.rest.slice(0, end);
        this.rest = this.rest.slice(end + 1);
        return JSON.parse(line);
      }
      if (this.gone || (!wait && tryCall('ppoll', pollOne(), 1, new Uint8Array(16), 0, 0) <= 0))
        return undefined;
      this.fill();
    }
  }

  private fill(): void {
    const bytes = Buffer.alloc(65536);
    try {
      const got = readSync(FROM_TOOL, bytes);
      this.gone = got === 0;
      this.rest += bytes.toString('utf8', 0, got);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) tryCall('ppoll', pollOne(), 1, 0, 0, 0);
      else this.gone = true;
    }
  }

  close(): void {
    closeSync(TO_TOOL);
  }
}

/**
 * wait4(2) takes no time limit and looks at no descriptor: so a child of ours does, and ends when the tool writes, when it is gone, or when the time is
 * over.
 */
export class Bell {
  private pid = 0;

  /** Rings after `milliseconds`, 0: only when the tool has something to say, unless we do not `listen` to it any more. */
  set(milliseconds: number, listen = true): void {
    const timeout = new Uint8Array(
      new BigUint64Array([BigInt(Math.floor(milliseconds / 1000)), BigInt(milliseconds % 1000) * 1_000_000n])
        .buffer,
    );
    keepFromChildren(false);
    try {
      this.pid = startStopped(
        [process.execPath],
        [
          // Ctrl-C and Ctrl-Z are for others.
          { name: 'rt_sigprocmask', arguments: [SIG_SETMASK, new Uint8Array(8).fill(0xff), 0, 8] },
          { name: 'prctl', arguments: [PR_SET_PDEATHSIG, SIG.SIGKILL] },
          { name: 'ppoll', arguments: [pollOne(), listen ? 1 : 0, milliseconds === 0 ? 0 : timeout, 0, 0] },
          { name: 'exit_group', arguments: [0] },
        ],
        {},
      );
    } finally {
      keepFromChildren(true);
    }
    go(this.pid);
  }

  is(pid: number): boolean {
    return pid === this.pid;
  }

  end(): void {
    if (this.pid === 0 || tryCall('kill', this.pid, SIG.SIGKILL) !== 0) return;
    waitFor(this.pid);
    this.pid = 0;
  }
}
