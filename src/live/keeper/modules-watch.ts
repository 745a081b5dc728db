import { readMemory } from '../../linux/memory.js';
import * as ptrace from '../../linux/ptrace.js';
import { Modules } from '../modules.js';
import { MappingSignals } from './mapping-signals.js';
import type { Space } from './space.js';
import type { TracedProcess, TracedThread } from './traced.js';

/**
 * Tells when a process has mapped or unmapped libraries: the dynamic linker calls an empty function then, for debuggers (glibc and musl; link.h, r_brk
 * of struct r_debug), after the mapping and before any constructor runs. A breakpoint stands there as long as the process does. Of what a program maps
 * itself the kernel tells (MappingSignals), where it is asked to for each thread; else who has this watch looks from time to time.
 */
export class ModulesWatch {
  private readonly known = new Map<Space, { readonly modules: Modules; call: number | undefined }>();
  readonly mappings = new MappingSignals();

  constructor(private readonly changed: (space: Space, modules: Modules) => void) {}

  /** A new process, or one with a new program. */
  add(process: TracedProcess): void {
    const { space, pid } = process;
    if (this.known.has(space)) return;
    const modules = Modules.ofProcess(pid);
    const entry = { modules, call: undefined };
    this.known.set(space, entry);
    this.plant(space, entry);
    this.changed(space, modules);
  }

  /** A thread that stands still: one that is new, or that is watched from now on. */
  addThread(thread: TracedThread): void {
    this.mappings.begin(thread);
  }

  /** A thread is gone, or is about to be given up. */
  endThread({ tid }: TracedThread): void {
    this.mappings.end(tid);
  }

  /** A process has become another program: of its threads one is left, to be added again. */
  execed({ pid }: TracedProcess): void {
    this.mappings.forget(pid);
  }

  /** Does the signal say that the thread has mapped code? Then it is none of the program's, and where a file was mapped modules are looked at again. */
  signalled(thread: TracedThread, signal: number): { readonly file: boolean } | undefined {
    const told = this.mappings.take(thread, signal);
    if (told?.file) this.look(thread.process.space);
    return told;
  }

  knows(space: Space): boolean {
    return this.known.has(space);
  }

  modulesOf(space: Space): Modules | undefined {
    return this.known.get(space)?.modules;
  }

  /** Is it the linker's call? Then its return is made here, and modules are looked at again. */
  hit(thread: TracedThread, at: number): boolean {
    const { space } = thread.process;
    const entry = this.known.get(space);
    if (entry === undefined || entry.call !== at) return false;
    // The function does nothing: from its beginning, its return can be made without a step, so that no other thread runs past the breakpoint meanwhile.
    const registers = ptrace.getRegisters(thread.tid);
    const sp = registers.get('rsp');
    const back = readMemory(thread.process.pid, sp, 8);
    if (back !== undefined) {
      registers.set('rip', new DataView(back.buffer).getBigUint64(0, true));
      registers.set('rsp', sp + 8n);
      ptrace.setRegisters(thread.tid, registers);
    }
    this.look(space);
    return true;
  }

  /** Looks at the maps, for what no dynamic linker has mapped. */
  look(space: Space): void {
    const entry = this.known.get(space);
    if (entry?.modules.refresh() !== true) return;
    space.remapped();
    this.plant(space, entry);
    this.changed(space, entry.modules);
  }

  forget(space: Space): void {
    this.known.delete(space);
  }

  private plant(space: Space, entry: { readonly modules: Modules; call: number | undefined }): void {
    if (entry.call !== undefined && space.breakpoints.get(entry.call)?.planted) return;
    const call = linkerCall(entry.modules);
    if (call === undefined) return;
    entry.call = call;
    space.plant(call);
  }
}

/** ld-linux-x86-64.so.2, ld-musl-x86_64.so.1, ld.so; musl's is its libc too. */
const LINKER = /\/(ld[-.]|libc\.musl|libc\.so$)[^/]*$/;

/** The linker's function for debuggers; a static program holds its own, if it can load anything at all. */
function linkerCall({ modules }: Modules): number | undefined {
  const linkers = modules.filter(({ name }) => LINKER.test(name));
  for (const { file, bias } of linkers.length > 0 ? linkers : modules.slice(0, 1)) {
    const symbol = file.image?.symbol('_dl_debug_state');
    if (symbol?.address !== undefined) return symbol.address + Number(bias);
  }
  return undefined;
}
