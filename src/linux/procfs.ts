/** What /proc tells of processes (proc(5)). All of it may be gone at the next call: functions return undefined for what is not there any more. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { MapView } from '../process/process.js';
import { isErrno } from './errors.js';
import { readTogether } from './read-together.js';

/** Contents of a file of a process or a thread; undefined when it is gone. Throws EACCES, EPERM. */
export function procFile(path: string): Buffer | undefined {
  try {
    return readFileSync(`/proc/${path}`);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

export const procText = (path: string): string | undefined => procFile(path)?.toString('latin1');

/** Where a link points, undefined when it is gone or may not be read. */
export function procLink(path: string): string | undefined {
  try {
    return readlinkSync(`/proc/${path}`);
  } catch {
    return undefined;
  }
}

const numbers = (folder: string): number[] => {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
};

/** Ids of all processes that are to be seen. */
export const allProcesses = (): number[] => numbers('/proc');
/** Ids of a process's threads, itself first; none: it is gone. */
export const threadsOf = (pid: number): number[] => numbers(`/proc/${pid}/task`);

/** Of /proc/PID/task/TID/stat. */
export interface Stat {
  readonly name: string;
  /** R running or ready, S waiting, D waiting without signals, T stopped, t traced and stopped, Z zombie, X dead, I idle kernel thread. */
  readonly state: string;
  readonly parent: number;
  /** Clock ticks since boot: with the id, it names a process for good. */
  readonly startTime: number;
  readonly cpu: number;
  /** PF_* (include/linux/sched.h). */
  readonly flags: number;
}

/** PF_KTHREAD: a thread of the kernel. */
export const KERNEL_THREAD = 0x0020_0000;

export function threadStat(pid: number, tid = pid): Stat | undefined {
  const text = procText(`${pid}/task/${tid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

function parseStat(text: string): Stat {
  // The name may hold blanks and parentheses.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ', 37);
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0]!,
    parent: Number(fields[1]),
    flags: Number(fields[6]),
    startTime: Number(fields[19]),
    cpu: Number(fields[36]),
  };
}

/** What /proc says of each of these threads at one moment; those that have gone are left out. Throws EACCES, EPERM. */
export function threadsAtOnce(
  pid: number,
  tids: readonly number[],
): { readonly tid: number; readonly stat: Stat; readonly call: CallState | undefined }[] {
  const texts = readTogether(
    `/proc/${pid}/task`,
    tids.flatMap((tid) => [`${tid}/stat`, `${tid}/syscall`]),
  );
  return tids.flatMap((tid, index) => {
    const [stat, call] = [texts[2 * index], texts[2 * index + 1]];
    if (stat === undefined) return [];
    return [{ tid, stat: parseStat(stat), call: call === undefined ? undefined : parseCall(call) }];
  });
}

/** Lines of /proc/PID/status, by name. */
export function threadStatus(pid: number, tid = pid): ReadonlyMap<string, string> | undefined {
  const text = procText(`${pid}/task/${tid}/status`);
  return (text &&
    new Map(
      text.split('\n').map((line) => [line.split(':', 1)[0]!, line.slice(line.indexOf(':') + 1).trim()]),
    )) as ReadonlyMap<string, string> | undefined;
}

/** Of a state as threadStatus and threadStat have it (proc_pid_stat(5)): a zombie, or dead. */
export const hasEnded = (state: string | undefined): boolean => /^[ZX]/.test(state ?? '');

/** The system call a waiting thread is in, with its arguments; `running` where it is in none that can be told. */
export type CallState =
  | { readonly kind: 'running' }
  | {
      readonly kind: 'call';
      readonly number: number;
      readonly arguments: readonly bigint[];
      readonly sp: bigint;
      readonly ip: bigint;
    }
  | { readonly kind: 'waiting'; readonly sp: bigint; readonly ip: bigint };

/** /proc/PID/task/TID/syscall. Throws EACCES, EPERM: the permission of ptrace is needed. */
export function threadCall(pid: number, tid: number): CallState | undefined {
  const text = procText(`${pid}/task/${tid}/syscall`);
  return text === undefined ? undefined : parseCall(text);
}

function parseCall(text: string): CallState | undefined {
  const words = text.trimEnd().split(' ');
  const number = words[0];
  if (number === 'running') return { kind: 'running' };
  if (words.length < 3) return undefined;
  const [sp, ip] = [BigInt(words.at(-2)!), BigInt(words.at(-1)!)];
  if (number === '-1') return { kind: 'waiting', sp, ip };
  return {
    kind: 'call',
    number: Number(number),
    // Few want to know.
    get arguments() {
      return words.slice(1, 7).map(BigInt);
    },
    sp,
    ip,
  };
}

/** A map, with what file it is of. */
export interface FileMap extends MapView {
  readonly device: string;
  readonly inode: number;
}

/** /proc/PID/maps, ascending; empty for kernel threads and zombies. Throws EACCES. */
export function mapsOf(pid: number): FileMap[] {
  return (procText(`${pid}/maps`) ?? '').split('\n').filter(Boolean).map(parseMap);
}

function parseMap(line: string): FileMap {
  const match = /^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) (\S+) (\d+) *(.*)$/.exec(line)!;
  const [, start, end, mode, offset, device, inode, name] = match as unknown as string[];
  return {
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    readable: mode![0] === 'r',
    writable: mode![1] === 'w',
    executable: mode![2] === 'x',
    shared: mode![3] === 's',
    offset: Number.parseInt(offset!, 16),
    device: device!,
    inode: Number(inode),
    // Blanks and the like are written as octal.
    name: Buffer.from(name!.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8))), 'latin1').toString(), // biome-ignore format: one step
  };
}

/** The auxiliary vector: AT_* to value. `word`: bytes of one, 4 in a 32-bit program. */
export const auxvOf = (pid: number, word: 4 | 8 = 8): ReadonlyMap<number, bigint> =>
  auxvIn(procFile(`${pid}/auxv`) ?? Buffer.alloc(0), word);

/** Pairs of type and value. */
export function auxvIn(given: Uint8Array, word: 4 | 8 = 8): ReadonlyMap<number, bigint> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const at = (offset: number): bigint =>
    word === 8 ? bytes.readBigUInt64LE(offset) : BigInt(bytes.readUInt32LE(offset));
  const pairs: [number, bigint][] = [];
  for (let pair = 0; pair + 2 * word <= bytes.length; pair += 2 * word)
    pairs.push([Number(at(pair)), at(pair + word)]);
  return new Map(pairs);
}

/** argv; empty for kernel threads and zombies. */
export const commandLine = (pid: number): string[] =>
  (procFile(`${pid}/cmdline`)?.toString() ?? '').split('\0').slice(0, -1);

/** Path of the program; ' (deleted)' stands behind one whose file is gone. Open `/proc/PID/exe` to read it all the same. */
export const executableOf = (pid: number): string | undefined => procLink(`${pid}/exe`);

/** RLIMIT_NOFILE of a process; undefined where it is gone, or may not be asked. */
export function openFilesOf(pid: number): { readonly soft: number; readonly hard: number } | undefined {
  const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(procText(`${pid}/limits`) ?? '') ?? [];
  return soft === undefined ? undefined : { soft: Number(soft), hard: Number(hard) };
}
