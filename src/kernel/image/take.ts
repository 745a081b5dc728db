/** A simulated process as an image, for the real kernel or another run. */
import type { ImageData } from '../../checkpoint/codec.js';
import {
  IMAGE_SCHEMA,
  type ProcessImage,
  type SignalActionImage,
  type ThreadImage,
} from '../../checkpoint/image.js';
import { callAgain, sectionAt } from '../../checkpoint/rest.js';
import { toBase64 } from '../../event/base64.js';
import { GENERAL_NAMES } from '../../isa/x86-64/registers.js';
import { writeFx } from '../arch/x86-64-fx.js';
import { liveTasks } from '../exit.js';
import type { Kernel } from '../kernel.js';
import { leaveKernel } from '../leave.js';
import { seeMemory } from '../mm/forced.js';
import { ProgramError } from '../program-error.js';
import { FS_BASE, GS_BASE, RIP, rflags } from '../registers.js';
import { infoBytes } from '../signal/info.js';
import type { Process, Task } from '../state.js';
import { perform } from '../syscalls/perform.js';
import { left } from '../syscalls/timers.js';
import { endWait } from '../wait.js';
import { Objects, takeFiles } from './take-files.js';
import { takeLayout, takeMaps } from './take-memory.js';
import type { TakeSettings } from './take-settings.js';
import { textOf } from './text.js';
import { takePosixTimers } from './timers.js';

const NO_CALL = (1n << 64n) - 1n;
const RAX = 0;
const MICROSECOND = 1000;

/** The process of a kernel that stands between two turns; the kernel is used up. Throws ProgramError where something cannot be kept. */
export function takeImage(kernel: Kernel, data: ImageData, settings: TakeSettings): ProcessImage {
  if (kernel.arch.name !== 'x86-64')
    throw new ProgramError(
      `the process is ${kernel.arch.name}'s, and images are of x86-64's processes only; replay --at shows it at any event`,
    );
  const process = onlyProcess(kernel);
  for (const cpu of kernel.state.cpus) Object.assign(cpu, { reschedule: false, visitor: undefined });
  for (const task of liveTasks(process)) comeToRest(kernel, task);
  const tasks = liveTasks(process);
  if (process.exiting !== undefined || tasks.length === 0)
    throw new ProgramError('the process is ending there; choose an earlier event');
  const [main] = tasks as [Task];
  const { mm, fs } = main;
  const objects = new Objects(kernel, main.files);
  const maps = takeMaps(kernel, mm, data, objects, settings);
  const { files, pipes } = takeFiles(main.files, data, objects, settings);
  const executable = kernel.state.hostFiles.get(process.exe);
  if (executable?.kind !== 'regular')
    throw new ProgramError(`${process.exe}, which it runs, is no file of the host`);
  return {
    schema: IMAGE_SCHEMA,
    version: settings.version,
    architecture: 'x86-64',
    kernel: kernel.options.version,
    simulated: true,
    taken: settings.taken,
    pid: process.pid,
    command: textOf(String.fromCharCode(...process.commandLine))
      .split('\0')
      .slice(0, -1),
    executable: settings.file(process.exe, kernel.contents.get(executable.object.initial!)!),
    directory: settings.directory(fs.cwd),
    umask: fs.umask,
    layout: takeLayout(mm, process.exe),
    maps,
    threads: tasks.map((task) => threadOf(kernel, task, settings.keepPosition)),
    actions: actionsOf(process),
    pending: process.shared.map((signal) => toBase64(infoBytes(signal))),
    timers: (['real', 'virtual', 'prof'] as const).map((which) => [
      process.itimers[which].interval / MICROSECOND,
      Math.ceil(left(kernel, process, which) / MICROSECOND),
    ]),
    files,
    pipes,
    objects: objects.capture(data),
    posixTimers: takePosixTimers(kernel, process),
    membarrier: mm.membarrier,
    personality: process.personality,
    noNewPrivileges: process.noNewPrivileges,
    attributes: { dumpable: process.dumpable, childSubreaper: Number(process.subreaper) },
  };
}

function onlyProcess({ state }: Kernel): Process {
  const living = [...state.processes.values()].filter((process) => liveTasks(process).length > 0);
  const [process] = living;
  if (process === undefined) throw new ProgramError('no thread is left there; choose an earlier event');
  if (living.length > 1)
    throw new ProgramError(
      `there are ${living.length} processes (${living.map(({ pid }) => pid).join(', ')}), and an image holds one; choose an event where the others have not begun, or have ended`,
    );
  return process;
}

/** A thread comes to where it is in its program, or in front of the call that it waits in. */
function comeToRest(kernel: Kernel, task: Task): void {
  const no = (what: string): never => {
    throw new ProgramError(`thread ${task.tid} ${what}; choose another event`);
  };
  if (task.ptrace !== undefined) no('is traced by another process');
  if (task.state === 'stopped' || task.state === 'traced') no('is stopped');
  if (task.rseq.slice.enabled) no('may ask for a longer time slice (rseq_slice_yield)');
  const cpu = kernel.state.cpus[task.cpu]!;
  if (task.state === 'runnable' && leaveKernel(kernel, task)) {
    task.call = -1n;
    return;
  }
  cpu.reschedule = false;
  if (task.state === 'dead') return;
  const { wait } = task;
  const name = kernel.syscallName(Number(BigInt.asUintN(32, task.call)));
  if (wait === undefined || !wait.interruptible || kernel.state.input !== undefined)
    return no(`is in the middle of ${name}(2)`);
  // As by a signal without a handler: the call says how it is made again.
  endWait(kernel, task, 'signal');
  task.wait = undefined;
  perform(kernel, task, wait.arguments, wait);
  if (task.wait !== undefined) no(`waits in ${name}(2)`);
  const { rip, rax } = callAgain({
    rip: task.registers[RIP]!,
    rax: task.registers[RAX]!,
    call: task.call,
  });
  task.registers[RIP] = rip;
  task.registers[RAX] = rax;
  task.call = -1n;
}

/** XSAVE's standard form as far as the machine has it: the x87 and SSE, and a header that says so. */
function extendedOf({ registers }: Task): string {
  const bytes = new Uint8Array(576);
  bytes.set(writeFx(registers));
  bytes[512] = 3;
  return toBase64(bytes);
}

/** Segment registers of a 64-bit program. */
const SEGMENTS = { cs: 0x33n, ss: 0x2bn, ds: 0n, es: 0n, fs: 0n, gs: 0n } as const;

function threadOf(kernel: Kernel, task: Task, keepPosition: boolean): ThreadImage {
  const { registers, rseq, altStack, tid } = task;
  const configuration =
    rseq.pointer === 0n
      ? undefined
      : { address: rseq.pointer, length: rseq.length, signature: rseq.signature >>> 0, flags: rseq.flags };
  const rip = registers[RIP]!;
  const section =
    configuration &&
    sectionAt(
      (address, size) => seeMemory(kernel, task.mm, Number(address), size),
      tid,
      configuration,
      rip,
      !keepPosition,
      (why) => {
        throw new ProgramError(why);
      },
    );
  const general = GENERAL_NAMES.map((name, number) => [name, registers[number]!] as const);
  return {
    tid,
    name: textOf(task.name),
    registers: {
      ...Object.fromEntries(general),
      ...SEGMENTS,
      orig_rax: NO_CALL,
      rip: section?.aborted === true ? section.abortIp : rip,
      rflags: rflags(task),
      fs_base: registers[FS_BASE]!,
      gs_base: registers[GS_BASE]!,
    },
    ...(section?.aborted === true && { stood: { rip, rax: registers[RAX]!, orig_rax: NO_CALL } }),
    extended: extendedOf(task),
    mask: task.savedMask ?? task.mask,
    alternate: { sp: altStack.sp, flags: altStack.flags, size: altStack.size },
    robustList: { head: task.robustList, length: task.robustList === 0n ? 0n : ROBUST_LIST },
    tidAddress: task.clearChildTid,
    pending: task.pending.map((signal) => toBase64(infoBytes(signal))),
    ...(configuration && { rseq: configuration }),
    ...(section && { section }),
  };
}

/** sizeof(struct robust_list_head). */
const ROBUST_LIST = 24n;

const actionsOf = ({ handlers }: Process): SignalActionImage[] =>
  handlers.flatMap(({ handler, flags, restorer, mask }, signal) =>
    signal === 0 || (handler === 0n && flags === 0)
      ? []
      : [{ signal, handler, flags: BigInt(flags >>> 0), restorer, mask }],
  );
