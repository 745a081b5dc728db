/** Whether a process is one that can be kept: what it is in, and what the kernel keeps of it that nobody can read. Its memory and its files are asked elsewhere. */
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import { ERRNO } from '../../abi/errno.js';
import { printable } from '../../binary/printable.js';
import { tryCall } from '../../linux/libc.js';
import {
  allProcesses,
  commandLine,
  hasEnded,
  procLink,
  procText,
  threadStat,
  threadStatus,
  threadsOf,
} from '../../linux/procfs.js';
import { Unsupported } from './refusal.js';
import { SNAPSHOT_NAME } from './snapshot.js';

/** Throws Unsupported. Reads only. */
export function checkProcess(pid: number): void {
  for (const check of CHECKS) {
    const against = check(pid);
    if (against !== undefined) throw new Unsupported(against);
  }
}

/** What stands against it, or undefined. */
type Check = (pid: number) => string | undefined;

const NAMESPACES: readonly (readonly [file: string, name: string])[] = [
  ['mnt', 'mounts'],
  ['pid', 'process ids'],
  ['pid_for_children', 'process ids for its children'],
  ['net', 'network'],
  ['ipc', 'System V IPC'],
  ['uts', 'host name'],
  ['user', 'users'],
  ['cgroup', 'cgroups'],
  ['time', 'time'],
  ['time_for_children', 'time for its children'],
];

const ofOtherNamespace: Check = (pid) => {
  const other = NAMESPACES.find(([file]) => {
    const its = procLink(`${pid}/ns/${file}`);
    return its !== undefined && its !== readlinkSync(`/proc/self/ns/${file}`);
  });
  return other && `it has a namespace of its own (${other[1]}): run rseqlab inside it, as its container does`;
};

const ofOtherRoot: Check = (pid) => {
  const root = procLink(`${pid}/root`);
  return root === undefined || root === readlinkSync('/proc/self/root')
    ? undefined
    : `its root directory is ${printable(root)}`;
};

/** CONFIG_PROC_CHILDREN has a file for it; else everybody is asked for its parent. What is ours, or was, does not count. */
function childOf(pid: number): number | undefined {
  const lists = threadsOf(pid).map((tid) => procText(`${pid}/task/${tid}/children`));
  const children = lists.every((list) => list !== undefined)
    ? lists.flatMap((list) => list!.split(' ').filter(Boolean).map(Number))
    : allProcesses().filter((other) => threadStat(other)?.parent === pid);
  return children.find((child) => threadStat(child)?.name !== SNAPSHOT_NAME);
}

const hasChildren: Check = (pid) => {
  const child = childOf(pid);
  if (child === undefined) return undefined;
  const name = commandLine(child)[0] ?? threadStat(child)?.name ?? 'which has ended';
  return `it has a child, process ${child} (${printable(name)}), which would not be in the image; checkpoint it when that has ended`;
};

const MODES = ['none', 'strict', 'filter'];

type ThreadStatus = ReadonlyMap<string, string>;
/** Lines of /proc/PID/task/TID/status, and those of the first thread. */
type ThreadCheck = (status: ThreadStatus, first: ThreadStatus) => string | undefined;

const isFiltered: ThreadCheck = (status) => {
  const mode = Number(status.get('Seccomp') ?? 0);
  return mode === 0
    ? undefined
    : `is under seccomp (mode ${MODES[mode] ?? mode}), which it could not be put under again`;
};

const hasShadowStack: ThreadCheck = (status) =>
  /shstk/.test(status.get('x86_Thread_features') ?? '') ? 'has a shadow stack' : undefined;

const CREDENTIALS = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs'];

const hasOwnCredentials: ThreadCheck = (status, first) => {
  const other = CREDENTIALS.find((name) => status.get(name) !== first.get(name));
  return other && `has credentials of its own (${other})`;
};

const ofThreads: Check = (pid) => {
  const first = threadStatus(pid);
  for (const tid of threadsOf(pid)) {
    const status = threadStatus(pid, tid);
    if (status === undefined || first === undefined) continue;
    for (const check of [isFiltered, hasShadowStack, hasOwnCredentials]) {
      const against = check(status, first);
      if (against !== undefined) return `thread ${tid} ${against}`;
    }
  }
  return undefined;
};

/** kcmp(2) */
const KCMP_FILES = 2;
const KCMP_FS = 3;

const hasOwnTables: Check = (pid) => {
  for (const tid of threadsOf(pid))
    for (const [type, what] of [
      [KCMP_FILES, 'descriptors'],
      [KCMP_FS, 'a directory and a umask'],
    ] as const)
      if (tid !== pid && tryCall('kcmp', pid, tid, type, 0, 0) > 0)
        return `thread ${tid} has ${what} of its own (unshare(2))`;
  return undefined;
};

/** ELFCLASS32 (elf(5)). */
const isNarrow: Check = (pid) => {
  const EI_CLASS = 4;
  const head = new Uint8Array(EI_CLASS + 1);
  const fd = openSync(`/proc/${pid}/exe`, 'r');
  try {
    readSync(fd, head);
  } finally {
    closeSync(fd);
  }
  return head[EI_CLASS] === 1 ? 'it is a 32-bit program' : undefined;
};

const hasEndedFirst: Check = (pid) =>
  hasEnded(threadStatus(pid)?.get('State')) && threadsOf(pid).length > 1
    ? 'its first thread has ended, and cannot be made again'
    : undefined;

/** A name for the leader's 32-bit code is found with its registers; what it waits for by vfork is a child. */
const CHECKS: readonly Check[] = [
  hasEndedFirst,
  isNarrow,
  ofOtherNamespace,
  ofOtherRoot,
  hasChildren,
  ofThreads,
  hasOwnTables,
];

/** kcmp(2): do two descriptors of two processes mean one open file? Throws Unsupported where the kernel cannot tell. */
export function sameDescription(pid: number, fd: number, other: number, otherFd: number): boolean {
  const KCMP_FILE = 0;
  const result = tryCall('kcmp', pid, other, KCMP_FILE, fd, otherFd);
  // Closed meanwhile.
  if (result === -ERRNO.EBADF || result === -ERRNO.ESRCH) return false;
  if (result < 0)
    throw new Unsupported('this kernel cannot tell which of its descriptors share an open file (kcmp(2))');
  return result === 0;
}
