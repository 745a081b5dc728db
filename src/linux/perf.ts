/** perf_event_open(2): events that the kernel counts, or writes into rings (include/uapi/linux/perf_event.h). */
import { readFileSync } from 'node:fs';
import { type SystemError, Unavailable } from './errors.js';
import { call, tryCall } from './libc.js';

const TYPES = { software: 1, tracepoint: 2, breakpoint: 5 } as const;
const ATTR_SIZE = 136;
/** PERF_COUNT_SW_DUMMY: counts nothing; its ring takes the records about processes. */
export const DUMMY = 9;

/** Bits of perf_event_attr behind read_format. */
const FLAGS = {
  disabled: 0,
  inherit: 1,
  excludeKernel: 5,
  excludeHypervisor: 6,
  mmap: 8,
  comm: 9,
  enableOnExec: 12,
  task: 13,
  watermark: 14,
  sampleIdAll: 18,
  excludeCallchainUser: 22,
  mmap2: 23,
  commExec: 24,
  useClockid: 25,
  contextSwitch: 26,
} as const;

export type PerfFlag = keyof typeof FLAGS;

/** PERF_SAMPLE_*: what a record of an event holds, in this order. */
export const SAMPLE = {
  IP: 1,
  TID: 2,
  TIME: 4,
  ADDR: 8,
  CALLCHAIN: 32,
  CPU: 128,
  RAW: 1024,
  REGS_USER: 4096,
} as const;
/** PERF_REG_X86_IP (arch/x86/include/uapi/asm/perf_regs.h). */
export const REGISTER_IP = 8;

/** HW_BREAKPOINT_*. */
export const BREAKPOINT = { WRITE: 2, EXECUTE: 4 } as const;

export interface PerfAttributes {
  readonly type: keyof typeof TYPES;
  /** Of a tracepoint its id. */
  readonly config?: number;
  /** A record every so many events; 0: it is only counted. */
  readonly period?: number;
  /** SAMPLE bits. */
  readonly sample?: number;
  /** With SAMPLE.REGS_USER: bit n asks for register n. */
  readonly userRegisters?: number;
  /** With the flag `watermark`: so many bytes in the ring wake who waits for it. */
  readonly wakeup?: number;
  readonly flags: readonly PerfFlag[];
  /** BREAKPOINT bits, address and length in bytes. */
  readonly breakpoint?: { readonly access: number; readonly address: bigint; readonly length: number };
}

const CLOCK_MONOTONIC = 1;
const PERF_FLAG_FD_CLOEXEC = 8;

function encode({
  type,
  config = 0,
  period = 1,
  sample = 0,
  userRegisters = 0,
  wakeup = 0,
  flags,
  breakpoint,
}: PerfAttributes): Uint8Array {
  const bytes = new Uint8Array(ATTR_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, TYPES[type], true);
  view.setUint32(4, ATTR_SIZE, true);
  view.setBigUint64(8, BigInt(config), true);
  view.setBigUint64(16, BigInt(period), true);
  view.setBigUint64(24, BigInt(sample), true);
  view.setBigUint64(
    40,
    flags.reduce((bits, name) => bits | (1n << BigInt(FLAGS[name])), 0n),
    true,
  );
  view.setUint32(48, wakeup, true);
  if (breakpoint !== undefined) {
    view.setUint32(52, breakpoint.access, true);
    view.setBigUint64(56, breakpoint.address, true);
    view.setBigUint64(64, BigInt(breakpoint.length), true);
  }
  view.setUint32(80, userRegisters, true);
  view.setInt32(92, CLOCK_MONOTONIC, true);
  return bytes;
}

/**
 * Opens an event for a thread (`cpu` -1: wherever it runs) or for a CPU (`tid` -1: whatever runs there), alone or in the group of another one; the
 * descriptor is closed on exec. Throws SystemError: EACCES, EPERM: not permitted; ESRCH: the thread is gone; EMFILE: too many.
 */
export const openEvent = (attributes: PerfAttributes, tid: number, cpu: number, leader = -1): number =>
  call('perf_event_open', encode(attributes), tid, cpu, leader, PERF_FLAG_FD_CLOEXEC);

/** Lists of CPUs as the kernel writes them: `0-3,8`. */
export function parseCpus(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number) as [number, number?];
      return Array.from({ length: last - first + 1 }, (_, n) => first + n);
    });
}

/** CPUs that events are opened for. */
export const onlineCpus = (): number[] => parseCpus(readFileSync('/sys/devices/system/cpu/online', 'latin1'));

const IOCTL = { ENABLE: 0x2400, DISABLE: 0x2401, SET_OUTPUT: 0x2405, SET_FILTER: 0x40082406 } as const;

export const enable = (fd: number): number => call('ioctl', fd, IOCTL.ENABLE, 0);
export const disable = (fd: number): number => call('ioctl', fd, IOCTL.DISABLE, 0);
/** Records go into the ring of another event on the same CPU. */
export const redirect = (fd: number, ring: number): number => call('ioctl', fd, IOCTL.SET_OUTPUT, ring);
/** Only records for which an expression over the tracepoint's fields holds (Documentation/trace/events.rst, section 5). */
export const filter = (fd: number, expression: string): number =>
  call('ioctl', fd, IOCTL.SET_FILTER, new TextEncoder().encode(`${expression}\0`));

/** fcntl(2). */
const F_SETFL = 4;
const F_SETSIG = 10;
const F_SETOWN_EX = 15;
const F_OWNER_TID = 0;
const O_ASYNC = 0x2000;

/** What the ring would wake somebody for sends a signal to that thread instead, with the descriptor in siginfo_t.si_fd. */
export function signalOn(fd: number, tid: number, signal: number): void {
  call('fcntl', fd, F_SETSIG, signal);
  call('fcntl', fd, F_SETOWN_EX, new Uint8Array(Int32Array.of(F_OWNER_TID, tid).buffer));
  call('fcntl', fd, F_SETFL, O_ASYNC);
}

/** What an event has counted. */
export function readCount(fd: number): bigint {
  const value = new BigUint64Array(1);
  call('read', fd, value, 8);
  return value[0]!;
}

export const closeEvent = (fd: number): number => tryCall('close', fd);

/** What is to be granted so that tracepoints of these may be watched. */
export function notPermitted(error: SystemError, of: string): Unavailable {
  const level = paranoidLevel();
  return new Unavailable(
    `the kernel does not let us watch tracepoints of ${of} (${error.message}; kernel.perf_event_paranoid is ${level}): run as root, grant CAP_PERFMON (setcap cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep on a copy of node), or sysctl kernel.perf_event_paranoid=-1`,
  );
}

/** kernel.perf_event_paranoid; `unknown` where there are no perf events. */
function paranoidLevel(): string {
  try {
    return readFileSync('/proc/sys/kernel/perf_event_paranoid', 'latin1').trim();
  } catch {
    return 'unknown';
  }
}
