/** What Tracee tells of a thread, from /proc. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { procLink, procText, threadStat, threadStatus } from '../../linux/procfs.js';
import { hashTaskId, type TraceeContext } from '../../report/trace-tracee.js';

/** Nanoseconds of a clock tick (sysconf(_SC_CLK_TCK) is 100 on Linux). */
const TICK = 10_000_000n;

/** Nanoseconds since 1970 at which CLOCK_MONOTONIC was 0. */
export const bootTime = (): bigint =>
  BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)) - process.hrtime.bigint();

const namespaceId = (pid: number, name: string): number =>
  Number(/\[(\d+)\]/.exec(procLink(`${pid}/ns/${name}`) ?? '')?.[1] ?? 0);

/** The inode of the process's cgroup: cgroup v2, or the hierarchy of systemd. */
function cgroup(pid: number): { id: number; path: string } {
  const lines = (procText(`${pid}/cgroup`) ?? '').split('\n');
  const path = lines.find((line) => line.startsWith('0::'))?.slice(3) ?? lines[0]?.split(':')[2] ?? '';
  try {
    return { id: Number(statSync(`/sys/fs/cgroup${path}`, { bigint: true }).ino), path };
  } catch {
    return { id: 0, path };
  }
}

/** Ids as the thread's own namespace has them stand last in NSpid. */
const inner = (text: string | undefined, outer: number): number => Number(text?.split('\t').at(-1) ?? outer);

/** What is known of a thread; 0 and '' for what is gone with it. `boot`: bootTime(), always the same. */
export function traceeContext(pid: number, tid: number, name: string, boot: bigint): TraceeContext {
  const stat = threadStat(pid, tid);
  const leader = threadStat(pid);
  const status = threadStatus(pid, tid);
  const parent = leader?.parent ?? 0;
  const started = (ticks: number | undefined): bigint => BigInt(ticks ?? 0) * TICK;
  const group = cgroup(pid);
  const parentStart = started(threadStat(parent)?.startTime);
  const executable = procLink(`${pid}/exe`) ?? '';
  return {
    threadStartTime: boot + started(stat?.startTime),
    cgroupId: group.id,
    processId: inner(status?.get('NStgid'), pid),
    threadId: inner(status?.get('NSpid'), tid),
    parentProcessId: status?.get('NStgid')?.includes('\t') ? 0 : parent,
    hostProcessId: pid,
    hostThreadId: tid,
    hostParentProcessId: parent,
    userId: Number(status?.get('Uid')?.split('\t')[1] ?? 0),
    mountNamespace: namespaceId(pid, 'mnt'),
    pidNamespace: namespaceId(pid, 'pid'),
    processName: name,
    executable,
    hostName: hostname(),
    containerId: /[0-9a-f]{64}/.exec(group.path)?.[0] ?? '',
    isCompat: false,
    threadEntityId: hashTaskId(tid, started(stat?.startTime)),
    processEntityId: hashTaskId(pid, started(leader?.startTime)),
    parentEntityId: hashTaskId(parent, parentStart),
  };
}
