import { SI, SIG } from '../../abi/signals.js';
import type { Signal } from '../state.js';
import { has, SYNCHRONOUS } from './sets.js';

/** sizeof(siginfo_t). */
export const INFO_SIZE = 128;

/** struct siginfo (include/uapi/asm-generic/siginfo.h; which part of its union: kernel/signal.c siginfo_layout). */
export function infoBytes(signal: Signal): Uint8Array {
  if (signal.bytes !== undefined) return signal.bytes;
  const bytes = new Uint8Array(INFO_SIZE);
  const view = new DataView(bytes.buffer);
  const { number, code, timer } = signal;
  view.setInt32(0, number, true);
  view.setInt32(8, code, true);
  if (signal.forced && code > 0 && code !== SI.KERNEL && has(SYNCHRONOUS, number)) {
    view.setBigUint64(16, BigInt.asUintN(64, signal.address), true);
    return bytes;
  }
  if (timer !== undefined) {
    view.setInt32(16, timer.id, true);
    view.setInt32(20, timer.overrun, true);
  } else {
    view.setInt32(16, signal.pid, true);
    view.setInt32(20, signal.uid, true);
  }
  // Exit signals of clone(2) may be others than SIGCHLD.
  if ((number === SIG.SIGCHLD && code > 0) || signal.status !== 0) view.setInt32(24, signal.status, true);
  else view.setBigUint64(24, BigInt.asUintN(64, signal.value), true);
  return bytes;
}

/** A signal as a program describes it: everything that it says is passed on. */
export function signalOf(bytes: Uint8Array, number: number): Signal {
  const copy = bytes.slice(0, INFO_SIZE);
  const view = new DataView(copy.buffer);
  view.setInt32(0, number, true);
  return {
    number,
    code: view.getInt32(8, true),
    pid: view.getInt32(16, true),
    uid: view.getInt32(20, true),
    address: view.getBigUint64(16, true),
    value: view.getBigUint64(24, true),
    status: view.getInt32(24, true),
    forced: false,
    bytes: copy,
  };
}
