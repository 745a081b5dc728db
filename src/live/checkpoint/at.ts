/** `checkpoint --at`: a process is frozen when one of its threads comes to an instruction, so that one can say where in a section. */
import { asAddr, hex } from '../../abi/address.js';
import { ERRNO } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { printable } from '../../binary/printable.js';
import { x86_64 } from '../../isa/x86-64/decoder.js';
import { SystemError } from '../../linux/errors.js';
import { readForced, writeForced } from '../../linux/memory.js';
import { threadStatus } from '../../linux/procfs.js';
import * as ptrace from '../../linux/ptrace.js';
import { type Change, waitFor } from '../../linux/wait.js';
import type { Channel } from '../keeper/channel.js';
import { Keeper } from '../keeper/keeper.js';
import { attachOrRefuse } from '../keeper/refusal.js';
import type { Breakpoint } from '../keeper/space.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import { Modules } from '../modules.js';
import type { Meeting } from './freeze.js';
import { Unsupported } from './refusal.js';

/** Longer functions are not walked through. */
const LONGEST = 1 << 20;

/**
 * `0x4011c4`, as the process has it in its memory, or `push+0x14`: a symbol and bytes behind it. Throws Unsupported where that is not the first
 * byte of an instruction: a breakpoint in the middle of one would change what it does.
 */
export function instructionOf(pid: number, wanted: string): bigint {
  const modules = Modules.ofProcess(pid);
  if (modules.modules.length === 0) throw new SystemError('ptrace', ERRNO.ESRCH);
  const address = addressOf(modules, wanted);
  const { section, module, inFile } = modules.place(address);
  const range = inFile === undefined ? undefined : module?.file.image?.functionAt(inFile);
  const begin = section?.start ?? (range && BigInt(range.start) + module!.bias);
  if (begin === undefined || address - begin > LONGEST)
    throw new Unsupported(`there is no code at ${wanted} of which it is known where its instructions begin`);
  const bytes = readForced(pid, begin, Number(address - begin) + x86_64.maxLength);
  let at = begin;
  for (let last = begin; at < address && bytes !== undefined; last = at) {
    at += BigInt(Math.max(1, x86_64.decode(bytes.subarray(Number(at - begin)), asAddr(at)!).length));
    if (at > address)
      throw new Unsupported(
        `no instruction begins at ${wanted}; one begins at ${hex(last)}, the next at ${hex(at)}`,
      );
  }
  return address;
}

function addressOf(modules: Modules, wanted: string): bigint {
  if (/^0x[0-9a-f]+$/i.test(wanted)) return BigInt(wanted);
  const [, name, offset = '0'] = /^(.+?)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(wanted)!;
  for (const { file, bias } of modules.modules) {
    const named = (file.image?.symbols ?? []).filter(
      (each) => each.name === name && each.address !== undefined,
    );
    const symbol = named.find(({ kind }) => kind === 'function') ?? named.find(({ kind }) => kind !== 'tls');
    if (symbol !== undefined) return BigInt(symbol.address!) + bias + BigInt(offset);
  }
  throw new Unsupported(
    `it has no symbol ${printable(name!)}; give an address (0x...), or a name that nm shows`,
  );
}

/** Waits until a thread comes there. Undefined: the tool has gone. Throws Unavailable, Unsupported; the process is as it was then. */
export function arrive(channel: Channel, pid: number, address: bigint): Meeting | undefined {
  return new Waiting(channel, pid, address).run();
}

class Waiting {
  private readonly keeper: Keeper;
  private arrival: Meeting | undefined;
  private against: string | undefined;

  constructor(
    private readonly channel: Channel,
    private readonly pid: number,
    private readonly address: bigint,
  ) {
    this.keeper = new Keeper(channel, this);
  }

  run(): Meeting | undefined {
    const process = attachOrRefuse(this.keeper, this.pid);
    if (!process.space.plant(Number(this.address))) {
      this.keeper.stop();
      throw new Unsupported(`nothing can be written to its code at ${hex(this.address)}`);
    }
    this.keeper.run();
    if (this.against !== undefined) throw new Unsupported(this.against);
    if (this.arrival === undefined && !this.channel.gone)
      throw new Unsupported(`it has ended before a thread came to ${hex(this.address)}`);
    return this.arrival;
  }

  onProcess(process: TracedProcess, _: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    if (how === 'fork') process.space.removeAll();
    if (how !== 'exec' || process.pid !== this.pid) return;
    this.against = 'it has become another program (exec)';
    this.keeper.stop();
  }

  onBreakpoint(thread: TracedThread, breakpoint: Breakpoint): void {
    const { process, tid } = thread;
    const { tracer } = this.keeper;
    // A child of vfork has the memory of its parent.
    if (process.pid !== this.pid) return process.space.remove(breakpoint.at, true);
    if (tracer.processes.size > 1) {
      this.against = 'it has a child, which would not be in the image; checkpoint it when that has ended';
      return this.keeper.stop();
    }
    tracer.handOver(process);
    this.arrival = { tid, isThere: (other, change) => isThere(other, change, process.pid, breakpoint) };
  }
}

/** SI_KERNEL, of siginfo_t.si_code: an int3. */
const SI_KERNEL = 0x80;

/** Others may have run onto it before it was taken away; and there may be a child with a copy. */
function isThere(tid: number, change: Change, pid: number, { at, original }: Breakpoint): boolean {
  if (change.kind === 'event' && ['FORK', 'VFORK', 'CLONE'].includes(`${change.event}`)) clean(ptrace.eventMessage(tid), pid, at, original); // biome-ignore format: one case
  if (change.kind !== 'signal' || change.signal !== SIG.SIGTRAP) return false;
  const registers = ptrace.getRegisters(tid);
  if (ptrace.signalInfo(tid).getInt32(8, true) !== SI_KERNEL || registers.get('rip') !== BigInt(at + 1))
    return false;
  registers.set('rip', BigInt(at));
  ptrace.setRegisters(tid, registers);
  return true;
}

function clean(child: number, pid: number, at: number, original: number): void {
  if (Number(threadStatus(child)?.get('Tgid') ?? pid) === pid || waitFor(child)?.kind !== 'event') return;
  const INT3 = 0xcc;
  if (readForced(child, BigInt(at), 1)?.[0] === INT3) writeForced(child, BigInt(at), Uint8Array.of(original));
  ptrace.detach(child);
}
