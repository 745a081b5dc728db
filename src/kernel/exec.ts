import { CALL_SITES_SECTION } from '../abi/annotation.js';
import { EVENT } from '../abi/ptrace-requests.js';
import { BinaryError } from '../binary/error.js';
import { type ElfHeaders, ET, PT, readHeaders } from '../binary/headers.js';
import { readImage } from '../binary/read.js';
import { PAGE_SIZE } from '../machine/state.js';
import { callSites } from '../sections/call-sites.js';
import type { ArchName } from './arch/index.js';
import { Errno } from './errno.js';
import { aloneKey, releaseMemory } from './exit.js';
import type { RegularNode } from './files/file.js';
import { lookup, type Place } from './files/lookup.js';
import { closeDescriptor } from './files/table.js';
import { buildStack, sizeOnStack } from './initial-stack.js';
import type { Kernel } from './kernel.js';
import { LAYOUT, newArea, PROT, roundDown, roundUp } from './mm/areas.js';
import { writeForced } from './mm/forced.js';
import { mapArea, newMm } from './mm/map.js';
import type { MemoryObject } from './mm/object.js';
import { hostObject, readObject } from './mm/objects.js';
import type { Program } from './program.js';
import { ProgramError } from './program-error.js';
import { ptraceEvent } from './ptrace/stop.js';
import { newRseq } from './rseq/registration.js';
import type { Mm, Task } from './state.js';
import { baseOf } from './syscalls/at.js';
import { type Call, int, type Result } from './syscalls/call.js';
import { becomeLeader, isAlone, leaveProgram } from './thread-group.js';
import { blocked } from './wait.js';

/** What an executable is for, where that is not `machine`. */
function foreign({ architecture, machine, cursor }: ElfHeaders, wanted: ArchName): string | undefined {
  if (architecture === wanted && cursor.littleEndian) return undefined;
  const order = cursor.littleEndian ? '' : 'big-endian ';
  return `${order}${architecture ?? `machine ${machine}`}; the simulated machine is x86-64, or little-endian aarch64: build it for one of them`;
}

/** Throws ProgramError where the file is none that can be run. */
export function checkProgram(
  { path, bytes }: Pick<Program, 'path' | 'bytes'>,
  machine: ArchName,
): ElfHeaders {
  let headers: ElfHeaders;
  try {
    headers = readHeaders(bytes, path, []);
  } catch (error) {
    if (error instanceof BinaryError) throw new ProgramError(error.message);
    throw error;
  }
  const other = foreign(headers, machine);
  if (other !== undefined) throw new ProgramError(`${path} is for ${other}`);
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
  for (const { offset, vaddr, filesz, memsz } of loads) {
    if (filesz > 0 && offset % PAGE_SIZE !== vaddr % PAGE_SIZE)
      throw new ProgramError(
        `${path} has a segment that cannot be mapped: its place in the file does not fit its address; link it again`,
      );
    if ((filesz > 0 && offset + filesz > bytes.length) || filesz > memsz)
      throw new ProgramError(
        `${path} is truncated or damaged: a segment reaches beyond the file; copy it again`,
      );
  }
  return headers;
}

/** An address space with the program in it; where to begin (fs/binfmt_elf.c load_elf_binary). */
export function load(
  kernel: Kernel,
  program: Program,
  object = hostObject(kernel, program.path, program.bytes),
): { mm: Mm; entry: number; stack: number } {
  const headers = checkProgram(program, kernel.arch.name);
  const base = headers.type === ET.DYN ? LAYOUT.pie : 0;
  const mm = newMm(kernel);
  let top = 0;
  let tables = 0;
  const phoff = programTable(program.bytes);
  for (const segment of headers.programs) {
    const { type, vaddr, memsz, filesz, offset } = segment;
    if (type !== PT.LOAD || memsz === 0) continue;
    mapSegment(kernel, mm, object, { ...segment, vaddr: base + vaddr });
    top = Math.max(top, roundUp(base + vaddr + memsz));
    if (phoff >= offset && phoff < offset + filesz) tables = base + vaddr + (phoff - offset);
  }
  // As with a random start of the heap, a page or more is between it and the program's data.
  mm.brkStart = mm.brk = top + PAGE_SIZE;
  if (headers.sections.some(({ name }) => name === CALL_SITES_SECTION))
    mm.callSites = callSites(readImage(program.bytes, program.path)).map((site) => base + site);
  const entry = base + headers.entry;
  const executable = headers.programs.some(({ type, flags }) => type === PT.GNU_STACK && (flags & 1) !== 0);
  mapSigreturn(kernel, mm);
  const stack = buildStack(kernel, mm, program, {
    protection: executable ? 7 : 3,
    entry,
    tables,
    count: headers.programs.length,
  });
  return { mm, entry, stack };
}

/** The part from the file, zeros up to the end of its last page, and pages of zeros (elf_load()). */
function mapSegment(
  kernel: Kernel,
  mm: Mm,
  object: MemoryObject,
  { vaddr, memsz, filesz, offset, flags }: ElfHeaders['programs'][number],
): void {
  const protection = ((flags & 4) >> 2) | (flags & 2) | ((flags & 1) << 2);
  const start = roundDown(vaddr);
  const fileEnd = filesz === 0 ? start : roundUp(vaddr + filesz);
  const end = roundUp(vaddr + memsz);
  if (fileEnd > start)
    mapArea(kernel, mm, newArea({ start, end: fileEnd }, protection, { object, offset: roundDown(offset) }));
  if (end > fileEnd) mapArea(kernel, mm, newArea({ start: fileEnd, end }, protection));
  const zeros = Math.min(fileEnd, vaddr + memsz) - (vaddr + filesz);
  if (zeros > 0 && (protection & PROT.WRITE) !== 0)
    writeForced(kernel, mm, vaddr + filesz, new Uint8Array(zeros));
}

/** What of the vDSO is here: where signal handlers return to. */
function mapSigreturn(kernel: Kernel, mm: Mm): void {
  const { sigreturn } = kernel.arch;
  if (sigreturn === undefined) return;
  const area = { start: LAYOUT.vdso, end: LAYOUT.vdso + PAGE_SIZE };
  mapArea(kernel, mm, newArea(area, PROT.READ | PROT.EXEC, { name: '[vdso]' }));
  writeForced(kernel, mm, area.start, sigreturn.code);
  mm.sigreturn = BigInt(area.start + sigreturn.start);
}

/** e_phoff, which only the program's own start code wants to know. */
const programTable = (bytes: Uint8Array): number =>
  Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(32, true));

/** MAX_ARG_STRLEN, MAX_ARG_STRINGS. */
const MOST_LENGTH = 131_072;
const MOST_STRINGS = 0x7fff_ffff;
/** Three quarters of the usual stack (_STK_LIM), or a quarter of what the stack may have, but at least ARG_MAX (bprm_stack_limits()). */
const MOST_ON_STACK = 6 << 20;
const LEAST_ON_STACK = 131_072;
const RLIMIT_STACK = 3;

function strings({ memory }: Call, address: bigint, most: number): string[] {
  const found: string[] = [];
  let bytes = 0;
  for (let at = address; address !== 0n; at += 8n) {
    const pointer = memory.u64(at);
    if (pointer === 0n) break;
    let text: string;
    try {
      text = memory.text(pointer, MOST_LENGTH);
    } catch (error) {
      if (error instanceof Errno && error.code === 'ENAMETOOLONG') throw new Errno('E2BIG');
      throw error;
    }
    bytes += text.length + 1 + 8;
    if (bytes > most || found.length >= MOST_STRINGS) throw new Errno('E2BIG');
    found.push(text);
  }
  return found;
}

/** The file of a program that is to be run (do_open_execat()). */
function executable(place: Place): RegularNode {
  const { what } = place;
  if (what === undefined) throw new Errno('ENOENT');
  const node = what.kind === 'magic' ? what.file?.inode : what;
  if (node?.kind !== 'regular' || (node.facts.mode & 0o111) === 0) throw new Errno('EACCES');
  return node;
}

/** While a thread waits for others of its process to end: what it executes then. While its tracer looks at it: nothing more. */
interface Executing {
  readonly program: Program;
  readonly object: MemoryObject;
}

/** execve(2) of a static program. */
export function execute(call: Call): Result {
  if (call.resumed !== undefined) return goOn(call, call.resumed.data as Executing | undefined);
  const { kernel, task, memory, arguments: args } = call;
  const path = memory.text(args[0]!);
  return executePlace(call, lookup(kernel, task, task.fs.cwd, path), path, args[1]!, args[2]!);
}

const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** execveat(2). */
export function executeAt(call: Call): Result {
  if (call.resumed !== undefined) return goOn(call, call.resumed.data as Executing | undefined);
  const { kernel, task, memory } = call;
  const [directory, address, argv, envp, flags] = call.arguments as [bigint, bigint, bigint, bigint, bigint];
  const how = int(flags);
  if ((how & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) throw new Errno('EINVAL');
  const path = memory.text(address);
  const name = path === '' ? `/dev/fd/${int(directory)}` : path;
  if (path === '' && (how & AT_EMPTY_PATH) === 0) throw new Errno('ENOENT');
  const base = path === '' ? '/' : baseOf(call, directory, path);
  const place = lookup(kernel, task, base, name, (how & AT_SYMLINK_NOFOLLOW) === 0 || path === '');
  if (place.what?.kind === 'link') throw new Errno('ELOOP');
  return executePlace(call, place, name, argv, envp);
}

function executePlace(call: Call, place: Place, path: string, argv: bigint, envp: bigint): Result {
  const { kernel, task } = call;
  const { object } = executable(place);
  const bytes = readObject(kernel, object, 0, object.size);
  const quarter = Number((task.process.limits.get(RLIMIT_STACK)?.[0] ?? BigInt(4 * MOST_ON_STACK)) / 4n);
  const most = Math.max(Math.min(quarter, MOST_ON_STACK), LEAST_ON_STACK);
  const given = strings(call, argv, most);
  const program: Program = {
    path,
    bytes,
    arguments: given.length === 0 ? [''] : given,
    environment: strings(call, envp, most),
  };
  if (sizeOnStack(program.arguments) + sizeOnStack(program.environment) > most) throw new Errno('E2BIG');
  try {
    checkProgram(program, kernel.arch.name);
  } catch (error) {
    if (error instanceof ProgramError) throw new Errno('ENOEXEC');
    throw error;
  }
  return goOn(call, { program, object });
}

/** begin_new_exec(): when the other threads of its process have ended, the thread becomes the program. */
function goOn(call: Call, executing: Executing | undefined): Result {
  const { kernel, task, arguments: args } = call;
  if (executing === undefined) return 0;
  if (!isAlone(kernel, task))
    return blocked([aloneKey(task.process)], { interruptible: false, data: executing, arguments: args });
  const { program, object } = executing;
  const { mm, entry, stack } = load(kernel, program, object);
  leaveProgram(kernel, task);
  releaseMemory(kernel, task);
  task.mm = mm;
  task.rseq = newRseq();
  const tid = becomeLeader(kernel, task);
  nameTask(task, program, object.name);
  for (const [fd, descriptor] of task.files.descriptors.entries())
    if (descriptor?.closeOnExec) closeDescriptor(kernel, task.files, fd);
  kernel.arch.begin(task, entry, stack);
  kernel.emit(task, { kind: 'exec', path: program.path });
  return ptraceEvent(kernel, task, EVENT.EXEC, BigInt(tid)) ? blocked([], { arguments: args }) : 0;
}

export function nameTask(task: Task, program: Program, exe = program.path): void {
  task.name = program.path.replace(/^.*\//, '').slice(0, 15);
  task.process.exe = exe;
  const text = program.arguments.map((each) => `${each}\0`).join('');
  task.process.commandLine = Uint8Array.from(text, (c) => c.charCodeAt(0));
}
