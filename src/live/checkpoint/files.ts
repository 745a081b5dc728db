/** The open files of a process: which can be opened or made again, and what is in those that are made. */
import { closeSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { printable } from '../../binary/printable.js';
import type { FileImage, PieceImage, PipeImage } from '../../checkpoint/image.js';
import { withDescriptor } from '../../linux/descriptors.js';
import { call, tryCall } from '../../linux/libc.js';
import { procLink, procText } from '../../linux/procfs.js';
import type { Objects, PieceSink } from './objects.js';
import type { Outside } from './outside.js';
import { Unsupported } from './refusal.js';
import { sameDescription } from './suitable.js';

/** O_CREAT, O_EXCL, O_TRUNC: they were for the first time. */
const ONCE = 0o1300;
const O_NOTIFICATION_PIPE = 0o200;
/** Devices that hold nothing of their own. */
const DEVICES: readonly string[] = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];

/** What a link of /proc/PID/fd begins with, and what it is then. */
const KINDS: readonly (readonly [link: string, name: string])[] = [
  ['socket:', 'a socket'],
  ['anon_inode:[eventpoll]', 'an epoll instance'],
  ['anon_inode:inotify', 'an inotify instance'],
  ['anon_inode:[fanotify]', 'a fanotify group'],
  ['anon_inode:[signalfd]', 'a signalfd'],
  ['anon_inode:[timerfd]', 'a timerfd'],
  ['anon_inode:[io_uring]', 'an io_uring'],
  ['anon_inode:[perf_event]', 'a perf event'],
  ['anon_inode:[userfaultfd]', 'a userfaultfd'],
  ['anon_inode:[pidfd]', 'a pidfd'],
  ['pidfd:', 'a pidfd'],
  ['anon_inode:bpf', 'a BPF object'],
  ['anon_inode:seccomp notify', 'a seccomp listener'],
  ['/secretmem', 'secret memory'],
  ['/dev/pts/', 'a terminal'],
  ['/dev/tty', 'a terminal'],
  ['/dev/ptmx', 'a terminal'],
  ['/dev/console', 'a terminal'],
  ['mnt:', 'a namespace'],
  ['net:', 'a namespace'],
];

/** A descriptor, before it is known what it is to be. */
interface Seen {
  readonly fd: number;
  readonly link: string;
  readonly info: string;
  readonly flags: number;
  readonly position: number;
  readonly stat: Stats;
}

const word = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(info)?.[1];

function seen(pid: number): Seen[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((fd) => {
      const link = procLink(`${pid}/fd/${fd}`);
      const info = procText(`${pid}/fdinfo/${fd}`);
      const stat = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
      // Closed meanwhile, where it runs.
      if (link === undefined || info === undefined || stat === undefined) return [];
      const flags = Number.parseInt(word(info, 'flags') ?? '0', 8) & ~ONCE;
      return [{ fd, link, info, flags, position: Number(word(info, 'pos') ?? 0), stat }];
    });
}

export interface FilesImage {
  readonly files: readonly FileImage[];
  readonly pipes: readonly PipeImage[];
}

/** Throws Unsupported for one that can be neither opened nor made again. Reads only: pipes are not emptied. Without `data` it only looks. */
export function captureFiles(pid: number, objects: Objects, outside: Outside, data?: PieceSink): FilesImage {
  const all = seen(pid);
  const files: FileImage[] = [];
  const pipes = new Map<string, { index: number; fds: Seen[] }>();
  for (const each of all) {
    const first = all.find(
      ({ fd, link }) => fd < each.fd && link === each.link && sameDescription(pid, fd, pid, each.fd),
    );
    if (first !== undefined) {
      const same = files.find(({ fd }) => fd === first.fd)!;
      files.push({ ...same, fd: each.fd, flags: each.flags, same: same.same ?? first.fd });
      continue;
    }
    files.push(
      fileOf(pid, each, objects, outside, (seenPipe) => {
        const pipe = pipes.get(seenPipe.link) ?? { index: pipes.size, fds: [] };
        pipes.set(seenPipe.link, pipe);
        pipe.fds.push(seenPipe);
        return pipe.index;
      }),
    );
  }
  return {
    files,
    pipes: [...pipes.values()].map(({ fds }) =>
      data === undefined ? { capacity: 0, pieces: [] } : pipeOf(pid, fds, data),
    ),
  };
}

function fileOf(
  pid: number,
  given: Seen,
  objects: Objects,
  outside: Outside,
  pipe: (given: Seen) => number,
): FileImage {
  const { fd, link, info, flags, position, stat } = given;
  const base = { fd, path: link, flags, position: 0 };
  const refuse = (what: string): never => {
    throw new Unsupported(`its descriptor ${fd} is ${what}`);
  };
  const isPath = leadsTo(stat, link);
  if (isPath && (stat.isFile() || stat.isDirectory())) {
    if (/^lock:/m.test(info)) return refuse(`${printable(link)}, on which it holds a lock`);
    if (link.startsWith(`/proc/${pid}/`)) return refuse(`${link}, which tells of itself`);
    return { ...base, kind: 'file', position, ...(stat.isFile() && { size: stat.size }) };
  }
  if (DEVICES.includes(link)) return { ...base, kind: 'file' };
  if (link.startsWith('/memfd:'))
    return { ...base, kind: 'memfd', position, index: objects.ofDescriptor(pid, fd, link) };
  const elsewhere = link.startsWith('pipe:')
    ? outside.holderOfPipe(link)
    : link === EVENTFD
      ? outside.holderOfDescription(fd, link)
      : undefined;
  if (elsewhere === undefined && link.startsWith('pipe:') && (flags & O_NOTIFICATION_PIPE) === 0)
    return { ...base, kind: 'pipe', index: pipe(given) };
  if (elsewhere === undefined && link === EVENTFD)
    return {
      ...base,
      kind: 'eventfd',
      count: BigInt(`0x${word(info, 'eventfd-count') ?? '0'}`),
      semaphore: word(info, 'eventfd-semaphore') === '1',
    };
  if (fd <= 2) return { ...base, kind: 'stream' };
  if (elsewhere !== undefined)
    return refuse(`${link === EVENTFD ? 'an eventfd' : 'a pipe'} that ${elsewhere} has open as well`);
  if (link.endsWith(' (deleted)'))
    return refuse(`a file that is deleted, ${printable(link.slice(0, -' (deleted)'.length))}`);
  const kind = KINDS.find(([begin]) => link.startsWith(begin))?.[1];
  const name =
    kind ??
    (stat.isFIFO() ? 'a FIFO' : stat.isCharacterDevice() || stat.isBlockDevice() ? 'a device' : undefined);
  return refuse(
    name === undefined
      ? `${printable(link)}, of a kind that is not known`
      : `${name}${link.startsWith('/') ? `, ${printable(link)}` : ''}`,
  );
}

const EVENTFD = 'anon_inode:[eventfd]';

/** Does the path still mean this file? */
function leadsTo(stat: Stats, path: string): boolean {
  const named = path.startsWith('/') ? statSync(path, { throwIfNoEntry: false }) : undefined;
  return named !== undefined && named.ino === stat.ino && named.dev === stat.dev;
}

const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const SPLICE_F_NONBLOCK = 2;
const O_CLOEXEC_NONBLOCK = 0o2004000;
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_DIRECT = 0o40000;

/** What waits in a pipe: tee(2) leaves it there. */
function pipeOf(pid: number, ends: readonly Seen[], data: PieceSink): PipeImage {
  const end = ends.find(({ flags }) => (flags & O_ACCMODE) !== O_WRONLY) ?? ends[0]!;
  return withDescriptor(pid, end.fd, (own) => {
    const capacity = call('fcntl', own, F_GETPIPE_SZ, 0);
    // Nobody can read it any more: but it may be that it is full.
    const reading =
      (end.flags & O_ACCMODE) === O_WRONLY ? openSync(`/proc/self/fd/${own}`, O_CLOEXEC_NONBLOCK) : own;
    try {
      return {
        capacity,
        ...teed(
          reading,
          capacity,
          data,
          ends.some(({ flags }) => (flags & O_DIRECT) !== 0),
        ),
      };
    } finally {
      if (reading !== own) closeSync(reading);
    }
  });
}

function teed(
  from: number,
  capacity: number,
  data: PieceSink,
  inPackets: boolean,
): Omit<PipeImage, 'capacity'> {
  const both = new Uint32Array(2);
  call('pipe2', new Uint8Array(both.buffer), O_CLOEXEC_NONBLOCK);
  const [output, input] = both as unknown as [number, number];
  try {
    call('fcntl', input, F_SETPIPE_SZ, capacity);
    const pieces: PieceImage[] = [];
    const packets: number[] = [];
    // EAGAIN: it is empty.
    let left = tryCall('tee', from, input, capacity, SPLICE_F_NONBLOCK);
    for (const bytes = new Uint8Array(capacity); left > 0; ) {
      const got = readSync(output, bytes);
      pieces.push(...data.add(0n, bytes.slice(0, got)));
      packets.push(got);
      left -= got;
    }
    return { pieces, ...(inPackets && { packets }) };
  } finally {
    closeSync(input);
    closeSync(output);
  }
}
