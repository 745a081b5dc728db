/** An image as a process: rebuilt inside a process of ours, by system calls that it is made to make. */
import { statSync } from 'node:fs';
import { SIG } from '../../abi/signals.js';
import type { OpenImage } from '../../checkpoint/codec.js';
import type { ProcessImage } from '../../checkpoint/image.js';
import { inThread } from '../../linux/inject.js';
import { readForced, writeForced } from '../../linux/memory.js';
import { mapsOf, threadStat } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { go, startStopped } from '../../linux/spawn.js';
import { waitFor } from '../../linux/wait.js';
import { fileDigest } from './contents.js';
import { awaitStop, clone, Maker } from './maker.js';
import { Unsupported } from './refusal.js';

const PAGE = 4096n;
const CLONE_PARENT = 0x8000;
const MAP_PRIVATE_ANONYMOUS_NOREPLACE = 0x10_0022;

/** What the image needs that is not here: refused before a process is made. Throws Unsupported. */
export function checkHere(image: ProcessImage): void {
  for (const [path, { size, digest }] of new Map(
    image.maps.flatMap(({ file }) => (file ? [[file.path, file] as const] : [])),
  )) {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now === undefined) throw new Unsupported(`${path}, which the process has mapped, is not there`);
    if (now.size !== size || fileDigest(path) !== digest)
      throw new Unsupported(`${path} is not the file that the process has mapped: it was changed`);
  }
  for (const { kind, path, size = 0 } of image.files) {
    if (kind !== 'file') continue;
    const now = statSync(path, { throwIfNoEntry: false });
    if (now === undefined) throw new Unsupported(`${path}, which the process has open, is not there`);
    if (now.size < size)
      throw new Unsupported(
        `${path}, which the process has open, is shorter than it was (${now.size} bytes of ${size}): it was changed`,
      );
  }
  awaitParent(image.pid);
  if (threadStat(image.pid) !== undefined)
    throw new Unsupported(
      `the process needs its id ${image.pid}, which another one has; wait until that has ended`,
    );
  for (const { tid } of image.threads)
    if (threadStat(tid) !== undefined)
      throw new Unsupported(`the process needs the id ${tid} for a thread, and it is in use`);
}

/** Seconds in which a parent takes notice of its child's end. */
const PATIENCE = 5;

/** A process that has ended keeps its id until its parent has taken notice. */
function awaitParent(pid: number): void {
  const until = performance.now() + PATIENCE * 1000;
  const tick = new Int32Array(new SharedArrayBuffer(4));
  while (threadStat(pid)?.state === 'Z' && performance.now() < until) Atomics.wait(tick, 0, 0, 10);
}

/** Makes the process; it stands still, traced by us, up to `run`. Throws Unsupported, SystemError; nothing is left behind then. */
export async function restore(open: OpenImage): Promise<{ readonly pid: number; run(): void }> {
  const { image } = open;
  checkHere(image);
  const helper = startStopped([process.execPath]);
  let pid = 0;
  try {
    ptrace.seize(helper, ptrace.traceOptions('CLONE', 'FORK', 'VFORK'));
    go(helper);
    settle(helper);
    const instruction = stubSyscall(helper);
    pid = inThread(helper, instruction, (call) => clone(helper, call, CLONE_PARENT, image.pid));
    awaitStop(pid);
    const make = new Maker(pid, ownSyscall(pid, instruction, image), open);
    await make.memory();
    make.process();
    for (const thread of image.threads.slice(1)) make.thread(thread);
    for (const thread of image.threads) make.state(thread);
    make.leave();
    return { pid, run: () => make.run() };
  } catch (error) {
    if (pid !== 0) end(pid);
    throw error;
  } finally {
    end(helper);
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    return;
  }
  // Its threads are told of before itself.
  for (let change = waitFor(-1); change !== undefined; change = waitFor(-1))
    if (change.tid === pid && (change.kind === 'exited' || change.kind === 'killed')) return;
}

/** Out of the group stop in which a stub waits: it stands in front of SIGCONT then. */
function settle(pid: number): void {
  for (let change = waitFor(pid); ; change = waitFor(pid)) {
    if (change === undefined) throw new Unsupported('the process that was to become it has ended');
    if (change.kind === 'signal' && change.signal === SIG.SIGCONT) return;
    ptrace.cont(pid);
  }
}

/** The stub's code, which stays while everything else goes. */
function stubSyscall(pid: number): bigint {
  const code = mapsOf(pid).find(({ name, executable }) => executable && name.includes('memfd:rseqlab'));
  const bytes = code && readForced(pid, code.start, Number(code.end - code.start));
  const at = bytes?.findIndex((byte, index) => byte === 0x0f && bytes[index + 1] === 0x05) ?? -1;
  if (code === undefined || at < 0) throw new Unsupported('the stub has no code');
  return code.start + BigInt(at);
}

/** Places for a page of ours: below where programs are linked to. */
const PLACES = Array.from({ length: 64 }, (_, n) => 0x20000n + BigInt(n) * 0x1000n);

/** A SYSCALL instruction in memory that is no file's: as long as the stub's file is mapped the process cannot have another executable. */
function ownSyscall(pid: number, instruction: bigint, { maps }: ProcessImage): bigint {
  const used = [...maps, ...mapsOf(pid)];
  const place = PLACES.find((at) => !used.some(({ start, end }) => start < at + PAGE && at < end));
  if (place === undefined) throw new Unsupported('there is no room below 0x60000 for its maker');
  const READ_EXECUTE = 5;
  inThread(pid, instruction, (call) =>
    call('mmap', place, PAGE, READ_EXECUTE, MAP_PRIVATE_ANONYMOUS_NOREPLACE, -1, 0),
  );
  writeForced(pid, place, Uint8Array.of(0x0f, 0x05));
  return place;
}
