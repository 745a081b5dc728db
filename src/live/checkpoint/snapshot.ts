/**
 * The memory of a process as it is at one moment, for as long as it takes to read: a child that the process is made to have by clone(2), which shares
 * all pages until one of the two writes (copy on write). It never runs. The process itself goes on at once.
 *
 * It cannot tell: the child has no exit signal, so that wait(2) passes it over; its descriptors are closed before the process goes on (a pipe's other
 * end would wait for it); it is the first to go where memory runs out, and goes with us, whatever way we end. In the end the process is made to wait for it.
 */
import { writeFileSync } from 'node:fs';
import { isErrno, SystemError } from '../../linux/errors.js';
import { findSyscall, inThread } from '../../linux/inject.js';
import { writeForced } from '../../linux/memory.js';
import { threadsOf } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { waitFor } from '../../linux/wait.js';
import { freezeOne, thaw } from './freeze.js';

export interface Snapshot {
  readonly pid: number;
  /** The process must run, or be gone. */
  end(): void;
}

const PAGE = 4096;
const READ_EXECUTE = 5;
const PRIVATE_ANONYMOUS = 0x22;
/** SYSCALL, and for a child that is let go because we were killed: mov eax, 231 (exit_group); xor edi, edi; syscall. */
const CODE = Uint8Array.of(0x0f, 0x05, 0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05);
const ARGS = 64;
/** Its name for ps(1): what stays of it when we are killed is nobody's child. */
const NAME = 256;
export const SNAPSHOT_NAME = 'rseqlab-copy';
const PR_SET_NAME = 15;
/** struct clone_args, all zeros: no shared parts, no exit signal (clone(2)). */
const ARGS_SIZE = 88;
const WNOHANG = 1;
const WALL = 0x4000_0000;

/** A child of a process of which all threads stand still, made by one of them; undefined where the process may not have one (limits, memory). */
export function snapshot(pid: number, tid: number, instruction: bigint): Snapshot | undefined {
  const place = codePage(tid, instruction);
  if (place === undefined) return undefined;
  try {
    writeForced(pid, place, CODE);
    writeForced(pid, place + BigInt(NAME), new TextEncoder().encode(`${SNAPSHOT_NAME}\0`));
    const child = clone(tid, place);
    return child === undefined ? undefined : settled(pid, child, place);
  } finally {
    inThread(tid, instruction, (call) => call('munmap', place, PAGE));
  }
}

/** Undefined: it may not have one (SELinux's execmem, PR_SET_MDWE). */
function codePage(tid: number, instruction: bigint): bigint | undefined {
  try {
    return inThread(tid, instruction, (call) =>
      call('mmap', 0, PAGE, READ_EXECUTE, PRIVATE_ANONYMOUS, -1, 0),
    );
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ENOMEM')) return undefined;
    throw error;
  }
}

function clone(tid: number, place: bigint): number | undefined {
  // It is ours from its beginning on.
  ptrace.setOptions(tid, ptrace.traceOptions('CLONE', 'FORK'));
  try {
    const child = Number(inThread(tid, place, (call) => call('clone3', place + BigInt(ARGS), ARGS_SIZE)));
    return waitFor(child)?.kind === 'event' ? child : undefined;
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  } finally {
    ptrace.setOptions(tid, ptrace.traceOptions());
  }
}

function settled(pid: number, child: number, place: bigint): Snapshot | undefined {
  const made = { pid: child, end: () => endChild(pid, child) };
  try {
    ptrace.setOptions(child, ptrace.traceOptions() | ptrace.EXITKILL);
    inThread(child, place, (call) => {
      call('close_range', 0, 0xffff_ffff, 0);
      call('prctl', PR_SET_NAME, place + BigInt(NAME), 0, 0, 0);
    });
  } catch (error) {
    kill(child);
    if (isErrno(error, 'ENOSYS', 'ESRCH')) return undefined;
    throw error;
  }
  try {
    writeFileSync(`/proc/${child}/oom_score_adj`, '1000');
  } catch {
    // Then it is as likely to go as the process.
  }
  return made;
}

function kill(child: number): void {
  try {
    process.kill(child, 'SIGKILL');
  } catch {
    return;
  }
  for (let change = waitFor(child); change !== undefined; change = waitFor(child))
    if (change.kind === 'exited' || change.kind === 'killed') return;
}

/** What is left of the child waits for its parent: any thread will do. */
function endChild(pid: number, child: number): void {
  kill(child);
  for (const tid of threadsOf(pid)) {
    const frozen = freezeOne(pid, tid);
    if (frozen === undefined) continue;
    try {
      const instruction = findSyscall(pid);
      if (instruction === undefined) return;
      inThread(tid, instruction, (call) => call('wait4', child, 0, WALL | WNOHANG, 0));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    } finally {
      thaw([frozen]);
    }
    return;
  }
}
