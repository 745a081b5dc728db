/** What the kernel keeps of a process and its threads, and tells and takes from outside: limits, processors, scheduling. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { CredentialsImage, SchedulingImage, ThreadImage } from '../../checkpoint/image.js';
import { isErrno, SystemError } from '../../linux/errors.js';
import { type InThread, withBytes } from '../../linux/inject.js';
import { call, tryCall } from '../../linux/libc.js';
import { procText, threadStatus } from '../../linux/procfs.js';
import { Unsupported } from './refusal.js';

/** getrlimit(2), by number: as /proc/PID/limits has them, a line each, which anybody may read. */
const NAMES = ['CPU', 'FSIZE', 'DATA', 'STACK', 'CORE', 'RSS', 'NPROC', 'NOFILE', 'MEMLOCK', 'AS', 'LOCKS', 'SIGPENDING', 'MSGQUEUE', 'NICE', 'RTPRIO', 'RTTIME']; // biome-ignore format: a list
export const RLIMIT_NOFILE = NAMES.indexOf('NOFILE');
const RLIM_INFINITY = (1n << 64n) - 1n;
/** Bytes of struct rlimit64. */
const RLIMIT = 16;

type Limit = readonly [soft: bigint, hard: bigint];

export function limitsOf(pid: number): Limit[] {
  const lines = (procText(`${pid}/limits`) ?? '').split('\n').slice(1, NAMES.length + 1);
  const value = (text: string): bigint => (text === 'unlimited' ? RLIM_INFINITY : BigInt(text));
  // Behind a name of 25 characters.
  return lines.map((line) => {
    const [soft, hard] = line.slice(25).trim().split(/\s+/) as [string, string];
    return [value(soft), value(hard)];
  });
}

/** From outside. Throws Unsupported. */
export function raiseLimit(pid: number, number: number, [soft, hard]: Limit): void {
  permitted(`give it its limit RLIMIT_${NAMES[number]}`, () =>
    call('prlimit64', pid, number, new BigUint64Array([soft, hard]), 0),
  );
}

/** What only a privileged process may have. Throws Unsupported. */
export function raiseLimits(pid: number, limits: readonly Limit[]): void {
  const now = limitsOf(pid);
  for (const [number, [, hard]] of limits.entries())
    if (hard > now[number]![1]) raiseLimit(pid, number, [now[number]![0], hard]);
}

/** In the process: the memory that it may have last of all. */
export function setLimits(pid: number, inside: InThread, limits: readonly Limit[]): void {
  const now = limitsOf(pid);
  withBytes(
    pid,
    inside,
    () => new Uint8Array(new BigUint64Array(limits.flat()).buffer),
    (at) => {
      for (const [number, [soft, hard]] of limits.entries())
        if (soft !== now[number]![0] || hard !== now[number]![1])
          inside('prlimit64', 0, number, at + BigInt(RLIMIT * number), 0);
    },
  );
}

/** Bytes of a set of processors: 8192 of them. */
const CPU_SET = 1024;

const toNumber = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const toBytes = (number: bigint): Uint8Array =>
  Uint8Array.from({ length: CPU_SET }, (_, at) => Number((number >> BigInt(8 * at)) & 0xffn));

/** struct sched_attr, in its first version (SCHED_ATTR_SIZE_VER0). */
const SCHED_ATTR = 48;
const SCHED_DEADLINE = 6;
const IOPRIO_WHO_PROCESS = 1;

export type ThreadAttributes = Pick<ThreadImage, 'affinity' | 'scheduling' | 'timerSlack'>;

export function attributesOf(pid: number, tid: number): ThreadAttributes {
  const cpus = new Uint8Array(CPU_SET);
  const got = call('sched_getaffinity', tid, CPU_SET, cpus);
  const slack = procText(`${pid}/task/${tid}/timerslack_ns`) ?? procText(`${tid}/timerslack_ns`);
  return {
    affinity: toNumber(cpus.subarray(0, got)),
    scheduling: schedulingOf(tid),
    ...(slack !== undefined && { timerSlack: Number(slack) }),
  };
}

function schedulingOf(tid: number): SchedulingImage {
  const bytes = new Uint8Array(SCHED_ATTR);
  call('sched_getattr', tid, bytes, SCHED_ATTR, 0);
  const view = new DataView(bytes.buffer);
  const policy = view.getUint32(4, true);
  return {
    policy,
    flags: Number(view.getBigUint64(8, true)),
    nice: view.getInt32(16, true),
    priority: view.getUint32(20, true),
    deadline: policy === SCHED_DEADLINE ? [24, 32, 40].map((at) => view.getBigUint64(at, true)) : [],
    io: tryCall('ioprio_get', IOPRIO_WHO_PROCESS, tid),
  };
}

/** Throws Unsupported. */
export function setAttributes(tid: number, wanted: ThreadAttributes): void {
  const { affinity, scheduling, timerSlack } = wanted;
  const now = attributesOf(tid, tid);
  if (affinity !== undefined && affinity !== now.affinity) {
    permitted(
      `have thread ${tid} run on its processors (${affinity.toString(2).length} of them were there)`,
      () => call('sched_setaffinity', tid, CPU_SET, toBytes(affinity)),
      'EINVAL',
    );
  }
  if (
    scheduling !== undefined &&
    JSON.stringify({ ...scheduling, deadline: [...scheduling.deadline].map(String) }) !==
      JSON.stringify({ ...now.scheduling, deadline: now.scheduling!.deadline.map(String) })
  )
    setScheduling(tid, scheduling);
  if (timerSlack !== undefined && timerSlack !== now.timerSlack)
    writeFileSync(`/proc/${tid}/timerslack_ns`, `${timerSlack}`);
}

function setScheduling(tid: number, { policy, flags, nice, priority, deadline, io }: SchedulingImage): void {
  const view = new DataView(new ArrayBuffer(SCHED_ATTR));
  view.setUint32(0, SCHED_ATTR, true);
  view.setUint32(4, policy, true);
  view.setBigUint64(8, BigInt(flags), true);
  view.setInt32(16, nice, true);
  view.setUint32(20, priority, true);
  for (const [index, value] of deadline.entries()) view.setBigUint64(24 + 8 * index, value, true);
  permitted(
    `give thread ${tid} its scheduling (policy ${policy}, nice ${nice}, priority ${priority})`,
    () => {
      call('sched_setattr', tid, new Uint8Array(view.buffer), 0);
      if (io > 0) call('ioprio_set', IOPRIO_WHO_PROCESS, tid, io);
    },
  );
}

/** What is refused, in words. */
export function permitted<T>(
  what: string,
  action: () => T,
  ...impossible: ('EINVAL' | 'EBUSY' | 'ENOSYS')[]
): T {
  try {
    return action();
  } catch (error) {
    if (isErrno(error, 'EPERM', 'EACCES')) throw new Unsupported(`not permitted to ${what}; run as root`);
    if (error instanceof SystemError && isErrno(error, ...impossible))
      throw new Unsupported(`this machine cannot ${what}`);
    throw error;
  }
}

/** Files below /proc/PID that can be written back. */
const FILES = ['oom_score_adj', 'coredump_filter'] as const;
const BASES = { oom_score_adj: 10, coredump_filter: 16 } as const;

export const fileAttributesOf = (pid: number): Record<string, number> =>
  Object.fromEntries(
    FILES.flatMap((name) => {
      const text = procText(`${pid}/${name}`);
      return text === undefined ? [] : [[name, Number.parseInt(text, BASES[name])]];
    }),
  );

/** Throws Unsupported. */
export function setFileAttributes(pid: number, attributes: Readonly<Record<string, number>>): void {
  const now = fileAttributesOf(pid);
  for (const name of FILES) {
    const value = attributes[name];
    if (value === undefined || value === now[name]) continue;
    permitted(`give it its ${name}`, () =>
      writeFileSync(`/proc/${pid}/${name}`, BASES[name] === 16 ? `0x${value.toString(16)}` : `${value}`),
    );
  }
}

/** personality(2). */
export const personalityOf = (pid: number): number =>
  Number.parseInt(readFileSync(`/proc/${pid}/personality`, 'latin1'), 16);

const numbers = (line = ''): number[] => line.split(/\s+/).filter(Boolean).map(Number);

export function credentialsOf(tid: number): CredentialsImage {
  const status = threadStatus(tid)!;
  return {
    users: numbers(status.get('Uid')),
    groups: numbers(status.get('Gid')),
    supplementary: numbers(status.get('Groups')),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) =>
      BigInt(`0x${status.get(name) ?? '0'}`),
    ),
  };
}
