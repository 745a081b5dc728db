/** A process as an image has it goes on in the simulated Linux. */
import { decodeImage, ImageError, type OpenImage } from '../../checkpoint/codec.js';
import type { ProcessImage } from '../../checkpoint/image.js';
import type { Kernel } from '../kernel.js';
import type { Program } from '../program.js';
import { ProgramError } from '../program-error.js';
import { enqueue } from '../schedule.js';
import { recalculate } from '../signal/queue.js';
import type { Process, Task } from '../state.js';
import { setItimer } from '../syscalls/timers.js';
import { newProcess, newTask } from '../tasks.js';
import { openFiles } from './descriptors.js';
import { addressSpace, objectsOf } from './memory.js';
import { bytesText } from './text.js';
import { putThread, registerThread, signalIn } from './thread.js';
import { putPosixTimers } from './timers.js';

/** Starts a process from its image: each thread where it stood. Throws ProgramError where this machine or this kernel cannot go on with it. */
export function bootImage(
  kernel: Kernel,
  { path, bytes }: Pick<Program, 'path' | 'bytes'>,
  dropAvx: boolean,
): void {
  const open = opened(bytes, path);
  const { image } = open;
  const no = (why: string): never => {
    throw new ProgramError(`${path} cannot go on in the simulated machine: ${why}`);
  };
  const objects = objectsOf(kernel, open);
  const mm = addressSpace(kernel, open, objects, no);
  const { state } = kernel;
  state.firstPid = image.pid;
  state.nextPid = Math.max(...image.threads.map(({ tid }) => tid)) + 1;
  const process = newProcess(kernel, image.pid, undefined);
  putProcess(process, image);
  const files = { users: image.threads.length, descriptors: [] };
  const fs = { users: image.threads.length, cwd: bytesText(image.directory), umask: image.umask };
  mm.users = image.threads.length;
  const tasks = image.threads.map((thread, n) => {
    const task = newTask(kernel, thread.tid, { process, mm, files, fs, from: undefined });
    if (n > 0) task.exitSignal = -1;
    putThread(task, thread, dropAvx, no);
    return task;
  });
  openFiles(kernel, tasks[0]!, open, objects, no);
  begin(kernel, image, process, tasks, no);
}

function opened(bytes: Uint8Array, path: string): OpenImage {
  try {
    return decodeImage(bytes, path);
  } catch (error) {
    if (error instanceof ImageError) throw new ProgramError(error.message);
    throw error;
  }
}

function putProcess(process: Process, image: ProcessImage): void {
  process.exe = bytesText(image.executable);
  const line = image.command.map((word) => `${bytesText(word)}\0`).join('');
  process.commandLine = Uint8Array.from(line, (c) => c.charCodeAt(0));
  for (const { signal, handler, flags, restorer, mask } of image.actions)
    process.handlers[signal] = { handler, flags: Number(flags), restorer, mask };
  process.shared = image.pending.map(signalIn);
  process.personality = image.personality ?? 0;
  process.noNewPrivileges = image.noNewPrivileges === true;
  process.dumpable = image.attributes?.['dumpable'] ?? process.dumpable;
  process.subreaper = image.attributes?.['childSubreaper'] === 1;
  for (const [which, [soft, hard]] of (image.limits ?? []).entries()) process.limits.set(which, [soft, hard]);
}

/** Threads register, wait for a CPU, and timers run. */
function begin(
  kernel: Kernel,
  image: ProcessImage,
  process: Process,
  tasks: readonly Task[],
  no: (why: string) => never,
): void {
  for (const [n, task] of tasks.entries()) {
    kernel.emit(task, {
      kind: 'start',
      pid: process.pid,
      parent: n === 0 ? 0 : process.pid,
      how: n === 0 ? 'exec' : 'thread',
      name: task.name,
    });
    registerThread(kernel, task, image.threads[n]!, no);
    enqueue(kernel, task);
    recalculate(task);
  }
  const MICROSECONDS = 1000;
  for (const [which, name] of (['real', 'virtual', 'prof'] as const).entries()) {
    const [interval, left] = image.timers[which] ?? [0, 0];
    if (left > 0) setItimer(kernel, process, name, left * MICROSECONDS, interval * MICROSECONDS);
  }
  putPosixTimers(kernel, process, image);
}
