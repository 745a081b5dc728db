import { AT_RSEQ_ALIGN, AT_RSEQ_FEATURE_SIZE } from '../abi/rseq.js';
import { BinaryError } from '../binary/error.js';
import { type ElfHeaders, ET, PT, readHeaders } from '../binary/headers.js';
import { RSP } from '../isa/x86-64/registers.js';
import { Errno } from './errno.js';
import { exitTask, releaseMemory } from './exit.js';
import { readWhole } from './files/open.js';
import { closeDescriptor } from './files/table.js';
import { resetFpu } from './fx.js';
import type { Kernel } from './kernel.js';
import { LAYOUT, mapArea, roundDown, roundUp } from './mm/areas.js';
import { ProgramError } from './program-error.js';
import { RIP } from './registers.js';
import { newRseq } from './rseq/registration.js';
import type { Mm, Task } from './state.js';
import type { Call, Result } from './syscalls/call.js';
import { endWait, wake } from './wait.js';

/** Program, arguments and environment; strings byte for byte (latin1). */
export interface Program {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
}

/** Throws ProgramError where the file is none that can be run. */
export function checkProgram({ path, bytes }: Pick<Program, 'path' | 'bytes'>): ElfHeaders {
  let headers: ElfHeaders;
  try {
    headers = readHeaders(bytes, path, []);
  } catch (error) {
    if (error instanceof BinaryError) throw new ProgramError(error.message);
    throw error;
  }
  if (headers.architecture !== 'x86-64')
    throw new ProgramError(
      `${path} is for ${headers.architecture ?? `machine ${headers.machine}`}; the simulated machine is x86-64: build it for that`,
    );
  if (headers.type === ET.REL)
    throw new ProgramError(`${path} is a relocatable file; link it: gcc -static -o program ${path}`);
  if (headers.type === ET.CORE) throw new ProgramError(`${path} is a core file; give the program itself`);
  if (headers.programs.some(({ type }) => type === PT.INTERP))
    throw new ProgramError(
      `${path} is dynamically linked, and the simulated machine has no dynamic linker; link it statically: gcc -static (or -static-pie)`,
    );
  const loads = headers.programs.filter(({ type }) => type === PT.LOAD);
  if (loads.length === 0) throw new ProgramError(`${path} has no segment to load; give an executable`);
  const top = Math.max(...loads.map(({ vaddr, memsz }) => vaddr + memsz));
  const limit = headers.type === ET.DYN ? LAYOUT.mmapTop - LAYOUT.pie : LAYOUT.mmapTop;
  const low = headers.type === ET.DYN ? 0 : Math.min(...loads.map(({ vaddr }) => vaddr));
  if (top > limit || (headers.type === ET.EXEC && low < LAYOUT.lowest))
    throw new ProgramError(
      `${path} wants addresses ${low.toString(16)}..${top.toString(16)}; the simulated machine has 10000..${limit.toString(16)}: link it elsewhere`,
    );
  for (const { offset, filesz, memsz } of loads)
    if (offset + filesz > bytes.length || filesz > memsz)
      throw new ProgramError(
        `${path} is truncated or damaged: a segment reaches beyond the file; copy it again`,
      );
  return headers;
}

/** An address space without anything in it. */
export const emptyMm = (kernel: Kernel): Mm => ({
  id: kernel.state.nextId++,
  users: 1,
  areas: [],
  brkStart: 0,
  brk: 0,
  membarrier: 0,
  auxv: new Uint8Array(0),
  stackStart: 0,
  argStart: 0,
  argEnd: 0,
  envStart: 0,
  envEnd: 0,
});

/** An address space with the program in it; where to begin (fs/binfmt_elf.c load_elf_binary). */
export function load(kernel: Kernel, program: Program): { mm: Mm; entry: number; stack: number } {
  const headers = checkProgram(program);
  const base = headers.type === ET.DYN ? LAYOUT.pie : 0;
  const mm = emptyMm(kernel);
  const machine = kernel.spaces.create(mm.id);
  let top = 0;
  let tables = 0;
  const loads = headers.programs.filter(({ type, memsz }) => type === PT.LOAD && memsz > 0);
  for (const { vaddr, memsz, filesz, offset, flags } of loads) {
    const start = roundDown(base + vaddr);
    const end = roundUp(base + vaddr + memsz);
    const protection = ((flags & 4) >> 2) | (flags & 2) | ((flags & 1) << 2);
    mapArea(kernel, mm, {
      start,
      end,
      protection,
      shared: false,
      name: program.path,
      offset: roundDown(offset),
      growsDown: false,
    });
    machine.poke(base + vaddr, program.bytes.subarray(offset, offset + filesz));
    top = Math.max(top, end);
    const { phoff } = programTable(program.bytes);
    if (phoff >= offset && phoff < offset + filesz) tables = base + vaddr + (phoff - offset);
  }
  mm.brkStart = mm.brk = top;
  const stackBottom = LAYOUT.stackTop - LAYOUT.stackSize;
  mapArea(kernel, mm, {
    start: stackBottom,
    end: LAYOUT.stackTop,
    protection: 3,
    shared: false,
    name: '[stack]',
    offset: 0,
    growsDown: true,
  });
  const entry = base + headers.entry;
  const stack = fillStack(kernel, mm, program, { entry, tables, count: headers.programs.length, base });
  return { mm, entry, stack };
}

/** e_phoff, which only the program's own start code wants to know. */
function programTable(bytes: Uint8Array): { phoff: number } {
  return { phoff: Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(32, true)) };
}

/** Auxiliary vector entries by name (include/uapi/linux/auxvec.h). */
const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  HWCAP2: 26,
  EXECFN: 31,
  MINSIGSTKSZ: 51,
} as const;

/** cpuid leaf 1, edx, of the simulated processor: AT_HWCAP. */
const HWCAP = 0x0789_fbffn;

function fillStack(
  kernel: Kernel,
  mm: Mm,
  program: Program,
  { entry, tables, count }: { entry: number; tables: number; count: number; base: number },
): number {
  const machine = kernel.spaces.of(mm.id);
  let at = LAYOUT.stackTop - 8;
  const push = (text: string): number => {
    const bytes = new Uint8Array(text.length + 1);
    for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
    at -= bytes.length;
    machine.poke(at, bytes);
    return at;
  };
  const name = push(program.path);
  mm.envEnd = at;
  const environment = [...program.environment].reverse().map(push).reverse();
  mm.envStart = mm.argEnd = at;
  const args = [...program.arguments].reverse().map(push).reverse();
  mm.argStart = at;
  const platform = push('x86_64');
  at = (at & ~15) >>> 0;
  at -= 16;
  machine.poke(at, kernel.random.bytes(16));
  const random = at;
  const { rules } = kernel;
  const auxv: [number, bigint][] = [
    [AT.HWCAP, HWCAP],
    [AT.PAGESZ, 4096n],
    [AT.CLKTCK, 100n],
    [AT.PHDR, BigInt(tables)],
    [AT.PHENT, 56n],
    [AT.PHNUM, BigInt(count)],
    [AT.BASE, 0n],
    [AT.FLAGS, 0n],
    [AT.ENTRY, BigInt(entry)],
    [AT.UID, 0n],
    [AT.EUID, 0n],
    [AT.GID, 0n],
    [AT.EGID, 0n],
    [AT.SECURE, 0n],
    [AT.RANDOM, BigInt(random)],
    [AT.HWCAP2, 0n],
    [AT.EXECFN, BigInt(name)],
    [AT.PLATFORM, BigInt(platform)],
    [AT.MINSIGSTKSZ, 1776n],
    ...(rules.featureSize > 20
      ? ([
          [AT_RSEQ_FEATURE_SIZE, BigInt(rules.featureSize)],
          [AT_RSEQ_ALIGN, BigInt(rules.requiredAlign)],
        ] as [number, bigint][])
      : []),
    [AT.NULL, 0n],
  ];
  const words = [
    BigInt(args.length),
    ...args.map(BigInt),
    0n,
    ...environment.map(BigInt),
    0n,
    ...auxv.flatMap(([type, value]) => [BigInt(type), value]),
  ];
  mm.auxv = new Uint8Array(new BigUint64Array(auxv.flatMap(([type, value]) => [BigInt(type), value])).buffer);
  at = ((at - 8 * words.length) & ~15) >>> 0;
  machine.poke(at, new Uint8Array(new BigUint64Array(words).buffer));
  mm.stackStart = at;
  return at;
}

/** Registers of a program that begins: all 0 but rip and rsp (ELF_PLAT_INIT). */
export function enter(task: Task, entry: number, stack: number): void {
  task.registers.fill(0n);
  resetFpu(task.registers);
  task.registers[RIP] = BigInt(entry);
  task.registers[RSP] = BigInt(stack);
}

const strings = (call: Call, address: bigint): string[] => {
  const found: string[] = [];
  for (let at = address; address !== 0n; at += 8n) {
    const pointer = call.memory.u64(at);
    if (pointer === 0n) break;
    if (found.length > 100_000) throw new Errno('E2BIG');
    found.push(call.memory.text(pointer, 131_072));
  }
  return found;
};

/** execve(2) of a static program. */
export function execute(call: Call): Result {
  const { kernel, task, memory, arguments: args } = call;
  const path = memory.text(args[0]!);
  const bytes = readWhole(kernel, task, path);
  const program = { path, bytes, arguments: strings(call, args[1]!), environment: strings(call, args[2]!) };
  try {
    checkProgram(program);
  } catch (error) {
    if (error instanceof ProgramError) throw new Errno('ENOEXEC');
    throw error;
  }
  for (const other of [...task.process.tasks]) {
    if (other === task) continue;
    endWait(kernel, other, 'signal');
    exitTask(kernel, other, 0);
  }
  const { mm, entry, stack } = load(kernel, program);
  releaseMemory(kernel, task);
  task.mm = mm;
  task.rseq = newRseq();
  task.altStack = { sp: 0n, size: 0n, flags: 2 };
  task.clearChildTid = 0n;
  task.robustList = 0n;
  task.restart = undefined;
  becomeLeader(kernel, task);
  nameTask(task, program);
  task.process.handlers = task.process.handlers.map((each) =>
    each.handler === 1n ? { ...each, flags: 0, mask: 0n } : { handler: 0n, flags: 0, restorer: 0n, mask: 0n },
  );
  for (const [fd, descriptor] of task.files.descriptors.entries())
    if (descriptor?.closeOnExec) closeDescriptor(kernel, task.files, fd);
  if (task.vfork) wake(kernel, `vfork:${task.tid}`);
  task.vfork = false;
  enter(task, entry, stack);
  task.call = -1n;
  kernel.emit(task, { kind: 'exec', path });
  return undefined;
}

/** de_thread(): the thread that calls exec gets the number of its process. */
function becomeLeader(kernel: Kernel, task: Task): void {
  if (task.tid === task.process.pid) return;
  kernel.state.tasks.delete(task.tid);
  Object.assign(task, { tid: task.process.pid });
  kernel.state.tasks.set(task.tid, task);
}

export function nameTask(task: Task, program: Program): void {
  task.name = program.path.replace(/^.*\//, '').slice(0, 15);
  task.process.exe = program.path;
  const text = program.arguments.map((each) => `${each}\0`).join('');
  task.process.commandLine = Uint8Array.from(text, (c) => c.charCodeAt(0));
}
