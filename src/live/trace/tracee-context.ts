/** What Tracee tells of a thread, from /proc. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Observed } from '../../event/observed.js';
import { procLink, procText, threadStat, threadStatus } from '../../linux/procfs.js';
import { hashTaskId, type TraceeContext } from '../../report/trace-tracee.js';

/** Nanoseconds of a clock tick (sysconf(_SC_CLK_TCK) is 100 on Linux). */
const TICK = 10_000_000n;

/** Nanoseconds since 1970 at which CLOCK_MONOTONIC was 0. */
const bootTime = (): bigint =>
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

/** What events have told of a process, for when it is gone: short ones are, before their events are read. */
interface Known {
  parent: number;
  /** Nanoseconds of the clock of events. */
  started: number;
  path: string;
}

/** What Tracee tells of threads, one trace long. */
export class TraceeContexts {
  readonly boot = bootTime();
  private readonly known = new Map<number, Known>();

  /** `command`: the process that we have started; it and its children have our namespaces and our cgroup, unless /proc says otherwise. */
  constructor(private readonly command: number | undefined) {
    if (command !== undefined)
      this.known.set(command, { parent: process.pid, started: Number(process.hrtime.bigint()), path: '' });
  }

  see({ event, process: { pid } }: Observed): void {
    if (event.kind === 'start') {
      const { path = '' } = this.known.get(event.parent) ?? {};
      const parent = event.how === 'thread' ? (this.known.get(pid)?.parent ?? 0) : event.parent;
      this.known.set(event.tid, { parent, started: event.time, path });
    } else if (event.kind === 'exec') {
      const known = this.known.get(pid);
      if (known !== undefined) known.path = event.path;
    }
  }

  /** 0 and '' for what is gone with the thread. */
  of(pid: number, tid: number, name: string): TraceeContext {
    const status = threadStatus(pid, tid);
    // What is not there any more was, of a command of ours, as it is with us.
    const from = status === undefined && this.command !== undefined ? process.pid : pid;
    const parent = threadStat(pid)?.parent ?? this.known.get(pid)?.parent ?? 0;
    const group = cgroup(from);
    const [start, processStart, parentStart] = [
      this.started(pid, tid),
      this.started(pid),
      this.started(parent),
    ];
    const ids = status ?? (from === pid ? undefined : threadStatus(from));
    return {
      threadStartTime: this.boot + start,
      cgroupId: group.id,
      processId: inner(status?.get('NStgid'), pid),
      threadId: inner(status?.get('NSpid'), tid),
      parentProcessId: status?.get('NStgid')?.includes('\t') ? 0 : parent,
      hostProcessId: pid,
      hostThreadId: tid,
      hostParentProcessId: parent,
      userId: Number(ids?.get('Uid')?.split('\t')[1] ?? 0),
      mountNamespace: namespaceId(from, 'mnt'),
      pidNamespace: namespaceId(from, 'pid'),
      processName: name,
      executable: procLink(`${pid}/exe`) ?? this.known.get(pid)?.path ?? '',
      hostName: hostname(),
      containerId: /[0-9a-f]{64}/.exec(group.path)?.[0] ?? '',
      isCompat: false,
      threadEntityId: hashTaskId(tid, start),
      processEntityId: hashTaskId(pid, processStart),
      parentEntityId: hashTaskId(parent, parentStart),
    };
  }

  /** Nanoseconds since boot. */
  private started(pid: number, tid = pid): bigint {
    const stat = threadStat(pid, tid);
    if (stat !== undefined) return BigInt(stat.startTime) * TICK;
    return BigInt(Math.round(this.known.get(tid)?.started ?? 0));
  }
}
