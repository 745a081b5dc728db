/** What each map of a process is, and whether it can be brought back. */
import { type Stats, statSync } from 'node:fs';
import { hex } from '../../abi/address.js';
import { printable } from '../../binary/printable.js';
import { type FileMap, mapsOf, procText } from '../../linux/procfs.js';
import type { Objects } from './objects.js';
import { Unsupported } from './refusal.js';

/** Maps that the kernel makes, in every process anew. */
export const KERNEL_MAPS: readonly string[] = [
  '[vdso]',
  '[vvar]',
  '[vvar_vclock]',
  '[vsyscall]',
  '[uprobes]',
];

export interface CheckedMap extends FileMap {
  /** `file`: of a file system; `memory`: with or without an `object` behind it. */
  readonly kind: 'file' | 'memory' | 'kernel';
  /** Of Objects. */
  readonly object: number | undefined;
  /** VmFlags of /proc/PID/smaps. */
  readonly flags: readonly string[];
  /** Those of them that it is to get again. */
  readonly advice: readonly string[];
}

/** VmFlags that are asked for again: in the order in which that is to be done. */
export const ADVICE: readonly (readonly [
  letters: string,
  how: 'madvise' | 'mlock' | 'mmap' | 'mseal',
  value: number,
])[] = [
  ['nr', 'mmap', 0x4000], // MAP_NORESERVE
  ['mw', 'mmap', 0], // a shared file that may be written, also where this map may not
  ['rr', 'madvise', 1], // MADV_RANDOM
  ['sr', 'madvise', 2], // MADV_SEQUENTIAL
  ['dc', 'madvise', 10], // MADV_DONTFORK
  ['mg', 'madvise', 12], // MADV_MERGEABLE
  ['hg', 'madvise', 14], // MADV_HUGEPAGE
  ['nh', 'madvise', 15], // MADV_NOHUGEPAGE
  ['dd', 'madvise', 16], // MADV_DONTDUMP
  ['wf', 'madvise', 18], // MADV_WIPEONFORK
  ['lo', 'mlock', 0],
  ['sl', 'mseal', 0],
];

/** VmFlags of what cannot be brought back. */
const REFUSED: Readonly<Record<string, string>> = {
  ht: 'huge pages (MAP_HUGETLB)',
  um: 'memory that a userfaultfd looks after',
  uw: 'memory that a userfaultfd looks after',
  ui: 'memory that a userfaultfd looks after',
  io: 'memory of a device',
  pf: 'memory of a device',
  ss: 'a shadow stack',
};

/** What has no file, by what its name begins with. */
const NAMES: readonly (readonly [begin: string, what: string])[] = [
  ['/SYSV', 'System V shared memory'],
  ['/[aio]', 'the rings of asynchronous I/O (io_setup(2))'],
  ['/secretmem', 'secret memory (memfd_secret(2))'],
  ['/anon_hugepage', 'huge pages (MAP_HUGETLB)'],
  ['anon_inode:[io_uring]', 'an io_uring'],
  ['anon_inode:[perf_event]', 'a perf event'],
  ['anon_inode:', 'something without a file'],
  ['socket:', 'a socket'],
];

/** Throws Unsupported. Reads only. */
export function checkMaps(pid: number, objects: Objects): CheckedMap[] {
  const details = detailsOf(pid);
  return mapsOf(pid).map((map) => {
    const { flags = [], key = 0 } = details.get(map.start) ?? {};
    const refuse = (what: string): never => {
      throw new Unsupported(`it has mapped ${what} at ${hex(map.start)}`);
    };
    if (KERNEL_MAPS.includes(map.name))
      return { ...map, kind: 'kernel', object: undefined, flags, advice: [] };
    const known = NAMES.find(([begin]) => map.name.startsWith(begin))?.[1];
    if (known !== undefined) refuse(known);
    const bad = flags.find((letters) => letters in REFUSED);
    if (bad !== undefined) refuse(REFUSED[bad]!);
    if (key !== 0) refuse('memory with a protection key');
    const object = objects.ofMap(pid, map);
    const kind = object === undefined && map.name.startsWith('/') ? ofPath(pid, map, refuse) : 'memory';
    return { ...map, kind, object, flags, advice: adviceOf(map, kind, flags) };
  });
}

function adviceOf({ shared }: FileMap, kind: CheckedMap['kind'], flags: readonly string[]): string[] {
  return ADVICE.map(([letters]) => letters).filter(
    (letters) => flags.includes(letters) && (letters !== 'mw' || (shared && kind === 'file')),
  );
}

/** A map with a path: a file that is still there, or /dev/zero, which makes memory. */
function ofPath(pid: number, map: FileMap, refuse: (what: string) => never): 'file' | 'memory' {
  const { name, start, end, shared } = map;
  if (name.endsWith(' (deleted)'))
    refuse(`a file that is deleted, ${printable(name.slice(0, -' (deleted)'.length))},`);
  const mapped = `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;
  const stat = statOf(mapped) ?? statOf(name);
  const named = statOf(name);
  if (stat === undefined || named === undefined || stat.ino !== named.ino || stat.dev !== named.dev)
    return refuse(`${printable(name)}, which is another file now,`);
  if (stat.isFile()) return 'file';
  return name === '/dev/zero' && !shared ? 'memory' : refuse(`a device, ${printable(name)},`);
}

/** Following links of map_files needs CAP_CHECKPOINT_RESTORE. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

interface Details {
  flags?: readonly string[];
  key?: number;
}

let last: { readonly maps: string; readonly details: Map<bigint, Details> } | undefined;

/** What was read before is old. */
export function forgetMaps(): void {
  last = undefined;
}

/**
 * The kernel walks through all of the memory for it, some 12 ms for a gigabyte: it is asked before the process stands still, and then only where maps
 * have come, gone, or changed their rights.
 */
function detailsOf(pid: number): Map<bigint, Details> {
  const maps = `${pid} ${procText(`${pid}/maps`)}`;
  if (last?.maps !== maps) last = { maps, details: readDetails(pid) };
  return last.details;
}

/** Of /proc/PID/smaps, by where a map begins. */
function readDetails(pid: number): Map<bigint, Details> {
  const found = new Map<bigint, Details>();
  let current: Details = {};
  for (const line of (procText(`${pid}/smaps`) ?? '').split('\n')) {
    const head = /^([0-9a-f]+)-[0-9a-f]+ /.exec(line);
    if (head) {
      current = {};
      found.set(BigInt(`0x${head[1]}`), current);
    }
    if (line.startsWith('VmFlags:')) current.flags = line.split(/\s+/).slice(1).filter(Boolean);
    else if (line.startsWith('ProtectionKey:')) current.key = Number(line.split(/\s+/)[1]);
  }
  return found;
}
