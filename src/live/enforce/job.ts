/** What a keeper does for `rseqlab enforce`. */

import { addr, hex } from '../../abi/address.js';
import { SIG } from '../../abi/signals.js';
import { instructionsOf } from '../../check/view.js';
import { findSyscall, inThread } from '../../linux/inject.js';
import { threadStatus } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import type { Range } from '../../linux/seccomp.js';
import { armedSection, disarm } from '../calls/armed.js';
import { CallJob } from '../calls/call-job.js';
import type { CallPlaces } from '../calls/call-stops.js';
import { callEntry, SYSCALL_SIZE } from '../calls/entry.js';
import type { Channel } from '../keeper/channel.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import { type LiveSection, type Modules, placeText } from '../modules.js';

export interface EnforceConfig {
  readonly command: readonly string[];
  readonly kill: boolean;
  readonly strict: boolean;
}

/** A call from inside a section, as it happens. */
export interface InsideCall {
  readonly kind: 'call';
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly arguments: readonly string[];
  readonly address: string;
  readonly file: string;
  readonly place: string;
  readonly section: string;
  readonly last: boolean;
}

/** What it says, beside KeeperMessage. */
export type EnforceMessage =
  | InsideCall
  | { readonly kind: 'limit'; readonly text: string }
  /** So far. */
  | { readonly kind: 'watched'; readonly sections: number; readonly processes: number };

export function enforceJob(channel: Channel, given: unknown): void {
  const config = given as EnforceConfig;
  new EnforceJob(channel, config).run(config.command);
}

/** Ways into the kernel: SYSCALL, SYSENTER, INT 0x80. */
const ENTRIES: readonly (readonly [number, number])[] = [
  [0x0f, 0x05],
  [0x0f, 0x34],
  [0xcd, 0x80],
];

/**
 * Instructions that can make a system call inside a section: nearly all sections have none. What counts as inside is what the kernel's debug mode takes
 * for it, by the address behind the call (kernel/rseq.c rseq_syscall): so a call as the last instruction is outside, and one in front of start_ip
 * inside. Bytes that look like such an instruction, but are none that is known to begin there, are taken too.
 */
function callsIn(live: LiveSection, strict: boolean): CallPlaces {
  const { module, section, start, end } = live;
  const first = start - SYSCALL_SIZE;
  const bytes = module.file.image?.read(addr(Number(first - module.bias)), Number(end - first));
  // What cannot be read may be anything.
  if (bytes === undefined) return { instructions: [], ranges: [{ start, end: strict ? end + 1n : end }] };
  const { findings } = module.file;
  const calls = new Set((findings === undefined ? [] : instructionsOf(findings, section)).map(({ address }) => BigInt(address) + module.bias)); // biome-ignore format: one step
  const instructions: bigint[] = [];
  const ranges: Range[] = [];
  for (let n = 0; n + 1 < bytes.length; n++) {
    const at = first + BigInt(n);
    const behind = at + SYSCALL_SIZE;
    const entry = ENTRIES.findIndex(([one, two]) => bytes[n] === one && bytes[n + 1] === two);
    if (entry < 0 || (behind === end && !strict)) continue;
    if (entry === 0 && calls.has(at)) instructions.push(at);
    else ranges.push({ start: behind, end: behind + 1n });
  }
  return { instructions, ranges };
}

class EnforceJob extends CallJob {
  /** Threads whose rseq_cs was taken away, with the section that it named. */
  private readonly disarmed = new Map<number, LiveSection>();
  private readonly seen = new Set<string>();
  private readonly pids = new Set<number>();

  constructor(
    channel: Channel,
    private readonly config: EnforceConfig,
  ) {
    super(channel, {
      places: (modules) => this.placesOf(modules),
      onCall: (thread, modules) => this.onCall(thread, modules),
      onReturn: (thread) => this.kill(thread),
      onLimit: (text) => this.keeper.send({ kind: 'limit', text } satisfies EnforceMessage),
    });
  }

  override onProcess(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    this.pids.add(process.pid);
    this.disarmed.delete(thread.tid);
    super.onProcess(process, thread, how);
    this.tellWatched();
  }

  override onThreadExit(thread: TracedThread): void {
    super.onThreadExit(thread);
    this.disarmed.delete(thread.tid);
  }

  private placesOf(modules: Modules): CallPlaces {
    for (const { module, start } of modules.sections) this.seen.add(`${module.name} ${start - module.bias}`);
    this.tellWatched();
    const all = modules.sections.map((section) => callsIn(section, this.config.strict));
    return {
      instructions: all.flatMap(({ instructions }) => instructions),
      ranges: all.flatMap(({ ranges }) => ranges),
    };
  }

  private tellWatched(): void {
    this.keeper.send({
      kind: 'watched',
      sections: this.seen.size,
      processes: this.pids.size,
    } satisfies EnforceMessage);
  }

  private onCall(thread: TracedThread, modules: Modules): void {
    const registers = ptrace.getRegisters(thread.tid);
    const ip = registers.get('rip');
    const section = this.sectionOf(thread, modules, ip);
    if (section === undefined) return;
    const { name, arguments: args } = callEntry(registers);
    const place = modules.place(ip - SYSCALL_SIZE, false);
    const bias = section.module.bias;
    this.keeper.send({
      kind: 'call',
      pid: thread.process.pid,
      tid: thread.tid,
      name,
      arguments: args.map(hex),
      address: hex(ip - SYSCALL_SIZE - bias),
      file: section.module.name,
      place: placeText(place),
      section: hex(section.start - bias),
      last: ip === section.end,
    } satisfies EnforceMessage);
    if (this.config.kill) this.stops.toReturn(thread);
    else if (ip !== section.end) this.goOnUnprotected(thread, section);
  }

  /** The section that the thread has armed and is inside of. */
  private sectionOf(thread: TracedThread, modules: Modules, ip: bigint): LiveSection | undefined {
    const { strict } = this.config;
    const holds = ({ start, end }: LiveSection): boolean => start <= ip && (strict ? ip <= end : ip < end);
    const before = this.disarmed.get(thread.tid);
    const cs = armedSection(thread);
    if (before !== undefined && holds(before) && cs === undefined) return before;
    this.disarmed.delete(thread.tid);
    return cs && modules.sections.find((section) => section.start === cs.start_ip && holds(section));
  }

  /**
   * This stop is a context switch: the kernel would abort the section behind the call, and the program would make it again, and stop again. So that it goes on as
   * it would without us, rseq_cs is cleared: the rest of this pass is not protected.
   */
  private goOnUnprotected(thread: TracedThread, section: LiveSection): void {
    disarm(thread);
    this.disarmed.set(thread.tid, section);
  }

  /** As a kernel with rseq_debug does behind the call (force_sig): SIGSEGV, whether it is blocked or ignored. */
  private kill(thread: TracedThread): void {
    const status = threadStatus(thread.process.pid, thread.tid);
    const bit = 1n << BigInt(SIG.SIGSEGV - 1);
    const has = (name: string): boolean => (BigInt(`0x${status?.get(name) ?? 0}`) & bit) !== 0n;
    if (has('SigBlk')) ptrace.setSignalMask(thread.tid, ptrace.getSignalMask(thread.tid) & ~bit);
    if (has('SigIgn') || has('SigBlk')) this.defaultAction(thread);
    this.keeper.tracer.resume(thread, SIG.SIGSEGV);
  }

  private defaultAction(thread: TracedThread): void {
    const instruction = findSyscall(thread.process.pid);
    if (instruction === undefined) return;
    inThread(thread.tid, instruction, (call) => {
      // Zeros: SIG_DFL, no flags.
      const stack = ptrace.getRegisters(thread.tid).get('rsp') - 4096n;
      thread.process.space.write(Number(stack), new Uint8Array(32));
      call('rt_sigaction', SIG.SIGSEGV, stack, 0, 8);
    });
  }
}
