import { Errno } from '../errno.js';
import { type Facts, factsOf } from '../files/facts.js';
import { fileOf } from '../files/table.js';
import { AT, existing } from './at.js';
import { type Call, type Calls, int, unsigned } from './call.js';
import { clockNow } from './time.js';

const NS = 1_000_000_000;
const BLOCK = 4096;
/** Where files lie: an anonymous device, as of tmpfs. */
const DEVICE = 1;

/** Seconds and nanoseconds since 1970 of a time of the clock; 0 stays 1970. */
function since1970(call: Call, time: number): [seconds: bigint, nanoseconds: bigint] {
  const all = time === 0 ? 0 : time + clockNow(call, 0) - call.kernel.state.clock;
  return [BigInt(Math.floor(all / NS)), BigInt(Math.floor(all % NS))];
}

function statBytes(call: Call, facts: Facts): Uint8Array {
  const times = [facts.accessed, facts.modified, facts.changed].flatMap((time) => since1970(call, time));
  return call.kernel.arch.stat(facts, times);
}

/** STATX_BASIC_STATS | STATX_BTIME. */
const STATX_ALL = 0xfff;

/** struct statx (include/uapi/linux/stat.h). */
function statxBytes(call: Call, facts: Facts): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, STATX_ALL, true);
  view.setUint32(4, BLOCK, true);
  view.setUint32(16, facts.links, true);
  view.setUint32(20, facts.uid, true);
  view.setUint32(24, facts.gid, true);
  view.setUint16(28, facts.mode, true);
  view.setBigUint64(32, BigInt(facts.inode), true);
  view.setBigUint64(40, BigInt(facts.size), true);
  view.setBigUint64(48, BigInt(facts.pages * 8), true);
  const times = [facts.accessed, facts.modified, facts.changed, facts.modified];
  for (const [index, time] of times.entries()) {
    const [seconds, nanoseconds] = since1970(call, time);
    view.setBigInt64(64 + 16 * index, seconds, true);
    view.setUint32(72 + 16 * index, Number(nanoseconds), true);
  }
  view.setUint32(128, facts.device[0], true);
  view.setUint32(132, facts.device[1], true);
  view.setUint32(140, DEVICE, true);
  return bytes;
}

function ofDescriptor(call: Call, fd: bigint | undefined): Facts {
  const { inode, path } = fileOf(call.task, int(fd));
  return factsOf(inode, path);
}

const KNOWN = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT.EMPTY_PATH;

function ofPath(call: Call, directory: bigint | undefined, address: bigint, flags: number): Facts {
  if ((flags & ~KNOWN) !== 0) throw new Errno('EINVAL');
  const empty = (flags & AT.EMPTY_PATH) !== 0 && (address === 0n || call.memory.string(address).length === 0);
  if (empty && directory !== undefined && int(directory) !== AT.FDCWD) return ofDescriptor(call, directory);
  if (empty) return existingFacts(call, undefined, undefined, true);
  return existingFacts(call, directory, address, (flags & AT.SYMLINK_NOFOLLOW) === 0);
}

function existingFacts(
  call: Call,
  directory: bigint | undefined,
  address: bigint | undefined,
  follow: boolean,
): Facts {
  if (address === undefined) return factsOf({ kind: 'listing', entries: [] }, call.task.fs.cwd);
  const { what, path } = existing(call, directory, address, follow);
  if (follow && what.kind === 'magic' && what.file !== undefined)
    return factsOf(what.file.inode, what.file.path);
  return factsOf(what, path);
}

const stat = (call: Call, facts: Facts, address: bigint | undefined): number => {
  call.memory.write(address!, statBytes(call, facts));
  return 0;
};

export const STAT: Calls = {
  stat: (call) => stat(call, ofPath(call, undefined, call.arguments[0]!, 0), call.arguments[1]),
  lstat: (call) =>
    stat(call, ofPath(call, undefined, call.arguments[0]!, AT.SYMLINK_NOFOLLOW), call.arguments[1]),
  fstat: (call) => stat(call, ofDescriptor(call, call.arguments[0]), call.arguments[1]),
  newfstatat: (call) => {
    const [directory, path, buffer, flags] = call.arguments as [bigint, bigint, bigint, bigint];
    return stat(call, ofPath(call, directory, path, int(flags)), buffer);
  },
  statx: (call) => {
    const [directory, path, flags, wanted, buffer] = call.arguments as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    // AT_STATX_SYNC_TYPE makes no difference; the highest bit of the mask is reserved.
    if ((unsigned(wanted) & 0x8000_0000) !== 0 || (int(flags) & 0x6000) === 0x6000) throw new Errno('EINVAL');
    call.memory.write(buffer, statxBytes(call, ofPath(call, directory, path, int(flags) & ~0x6000)));
    return 0;
  },
};
