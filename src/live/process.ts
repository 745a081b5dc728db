/** A process of this machine, as /proc and process_vm_readv(2) show it. Nothing here stops it. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isErrno } from '../linux/errors.js';
import { readMemory } from '../linux/memory.js';
import {
  auxvOf,
  type CallState,
  commandLine,
  executableOf,
  hasEnded,
  KERNEL_THREAD,
  type Stat,
  threadCall,
  threadStat,
  threadStatus,
  threadsAtOnce,
  threadsOf,
} from '../linux/procfs.js';
import type { MapView } from '../process/process.js';
import { threadPointers } from './glibc.js';
import { Modules } from './modules.js';
import { isNarrow } from './narrow.js';
import { Refused } from './refused.js';
import type { Target, TargetThread } from './target.js';

export class LiveProcess implements Target {
  readonly kind = 'live';
  readonly name: string;
  readonly executable: string;
  readonly command: readonly string[];
  readonly architecture: 'x86-64' | 'i386';
  readonly auxv: ReadonlyMap<number, bigint>;
  /** Who traces it; undefined: nobody. */
  readonly tracer: { readonly pid: number; readonly name: string } | undefined;
  /** Its number in each namespace, the outermost first. */
  private readonly numbers: string;
  private modulesCache: Modules | undefined;

  /** Throws Refused, with what to do, where it cannot be looked at. */
  constructor(readonly pid: number) {
    const stat = threadStat(pid);
    const status = threadStatus(pid);
    if (stat === undefined || status === undefined) throw gone(pid);
    if ((stat.flags & KERNEL_THREAD) !== 0)
      throw new Refused(
        `process ${pid} (${stat.name}) is a thread of the kernel: it has no user space`,
        true,
      );
    // The first thread may have ended while others go on.
    if (isOver(stat) && threadsOf(pid).every((tid) => isOver(threadStat(pid, tid))))
      throw new Refused(
        `process ${pid} (${stat.name}) is a zombie: it has ended, and its memory is gone`,
        true,
      );
    this.name = stat.name;
    this.command = commandLine(pid);
    this.executable = this.allowed(() => executableOf(pid)) ?? this.command[0] ?? stat.name;
    this.architecture = isNarrow(`/proc/${pid}/exe`) ? 'i386' : 'x86-64';
    // Refuses where it may not be looked at.
    this.auxv = this.allowed(() => auxvOf(pid, this.architecture === 'i386' ? 4 : 8));
    this.numbers = status.get('NSpid') ?? '';
    const tracer = Number(status.get('TracerPid') ?? 0);
    this.tracer = tracer === 0 ? undefined : { pid: tracer, name: threadStat(tracer)?.name ?? '' };
  }

  get modules(): Modules {
    this.modulesCache ??= this.allowed(() => Modules.ofProcess(this.pid));
    return this.modulesCache;
  }

  get maps(): readonly MapView[] {
    return this.modules.maps;
  }

  read(address: bigint, size: number): Uint8Array | undefined {
    return this.allowed(() => {
      try {
        return readMemory(this.pid, address, size);
      } catch (error) {
        if (isErrno(error, 'ESRCH')) return undefined;
        throw error;
      }
    });
  }

  /** Those that are there now, without a stop. */
  threads(): TargetThread[] {
    const pointers = this.architecture === 'x86-64' ? this.pointers() : undefined;
    return this.allowed(() => threadsAtOnce(this.pid, threadsOf(this.pid))).flatMap(({ tid, stat, call }) => {
      if (isOver(stat)) return [];
      return [
        {
          tid,
          name: stat.name,
          state: stat.state,
          cpu: stat.cpu,
          call,
          threadPointer: pointers?.(tid),
          registers: undefined,
          rseq: 'unasked',
        },
      ];
    });
  }

  /** Where a thread is in the kernel. */
  callOf(tid: number): CallState | undefined {
    return this.allowed(() => threadCall(this.pid, tid));
  }

  private pointers(): (tid: number) => bigint | undefined {
    const found = threadPointers(this.modules, (address, size) => this.read(address, size));
    // In a container the process knows its threads by other numbers than we do.
    const [outer, ...inner] = this.numbers.split(/\s+/);
    if (outer === undefined || inner.length === 0) return (tid) => found.get(tid);
    return (tid) => found.get(Number(threadStatus(this.pid, tid)?.get('NSpid')?.split(/\s+/).at(-1)));
  }

  private allowed<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (isErrno(error, 'EACCES', 'EPERM')) throw new Refused(forbidden(this.pid, this.name));
      throw error;
    }
  }
}

const isOver = (stat: Stat | undefined): boolean => stat === undefined || hasEnded(stat.state);

export const gone = (pid: number): Refused =>
  new Refused(`there is no process ${pid}; ps -e lists those that there are`, true);

export const forbidden = (pid: number, name: string): string =>
  `not allowed to look at process ${pid} (${name}): ${whyForbidden(pid)}`;

/** Why ptrace(2) and process_vm_readv(2) refuse, and what to grant (ptrace(2), "Ptrace access mode checking"). */
export function whyForbidden(pid: number): string {
  const owner = threadStatus(pid)?.get('Uid')?.split(/\s+/)[0];
  if (owner !== String(process.getuid?.()))
    return `it belongs to user ${owner ?? '?'}; run as that user or as root, or with CAP_SYS_PTRACE (docker run --cap-add SYS_PTRACE)`;
  const scope = yama();
  if (scope !== undefined && scope > 0)
    return `kernel.yama.ptrace_scope is ${scope}; sysctl kernel.yama.ptrace_scope=0, or CAP_SYS_PTRACE, allows it`;
  return 'it has capabilities or is not dumpable; CAP_SYS_PTRACE allows it (run as root, or docker run --cap-add SYS_PTRACE)';
}

function yama(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'utf8'));
  } catch {
    return undefined;
  }
}

/** The program's name without its folder. */
export const shortName = (path: string): string => basename(path.replace(/ \(deleted\)$/, ''));
