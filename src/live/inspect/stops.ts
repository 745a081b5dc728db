/**
 * Threads, stopped one after the other and asked what they have registered. All that is done to one of them is a table of rows, so that
 * nothing of ours runs between its stop and its going on but system calls.
 */
import { ERRNO } from '../../abi/errno.js';
import { offsetOf } from '../../abi/layout.js';
import { PTRACE_RSEQ_CONFIGURATION } from '../../abi/ptrace.js';
import { PTRACE } from '../../abi/ptrace-requests.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import {
  at,
  Batch,
  type Cell,
  call,
  end,
  jump,
  label,
  load,
  type Row,
  set,
  when,
} from '../../linux/batch.js';
import { SystemError } from '../../linux/errors.js';
import { USER_REGISTERS, UserRegisters } from '../../linux/ptrace.js';
import { SIGNATURE_SIZE } from '../../process/judge.js';
import type { RseqConfiguration } from '../../process/process.js';
import { bell, forgetBell } from '../bell.js';
import type { Stop } from '../stop.js';

/** What a thread has said while it stood still. */
export interface Answer {
  readonly registers: UserRegisters;
  /** `unsupported`: kernels before 5.13. */
  readonly configuration: RseqConfiguration | undefined | 'unsupported';
  /** Of the memory that the kernel looks at for rseq: the area, the descriptor that it points to, the word in front of the abort handler. */
  read(address: bigint, size: number): Uint8Array | undefined;
}

/** Threads a round. */
const ROUND = 64;
/** Of each thread, in the order of the round: when it was asked, and -errno where it cannot be stopped. */
const REQUEST = { size: 24, asked: 0, refused: 16 };
/** Of each stop, in the order in which they came: words, and what the calls have filled. */
const SLOT = {
  tid: 0,
  status: 8,
  heard: 16,
  over: 32,
  registersGot: 48,
  configurationGot: 56,
  areaGot: 64,
  descriptorGot: 72,
  signatureGot: 80,
  detached: 88,
  signature: 96,
  configuration: 104,
  area: 128,
  descriptor: 128 + RSEQ.size,
  registers: 128 + RSEQ.size + RSEQ_CS.size,
  size: 128 + RSEQ.size + RSEQ_CS.size + 8 * USER_REGISTERS.length,
};

const WUNTRACED = 2;
const WALL = 0x4000_0000;
const CLOCK_MONOTONIC = 1;
/** Threads that are asked to stop at one time: while one comes to its stop another is looked at. More would wait for us, standing. */
const AT_ONCE = 16;
/** How a round ends: all that were asked have stopped; the bell has rung; there is nobody to wait for. */
const END = { over: 0, rung: 1, alone: 2 } as const;
type End = (typeof END)[keyof typeof END];

interface Machine {
  readonly tids: BigInt64Array;
  readonly requests: DataView;
  readonly slots: Uint8Array;
  readonly bell: Cell;
  /** Asks the threads from `first` up to `count`, and waits for them, and for those that have been asked before. */
  run(
    first: number,
    count: number,
    asked: number,
  ): { readonly end: End; readonly next: number; readonly stops: number };
}

let machine: Machine | undefined;

function makeMachine(): Machine {
  const batch = new Batch(ROUND * (8 + REQUEST.size) + 2 * ROUND * SLOT.size + 8192);
  const [tids, requests, slots] = [8 * ROUND, ROUND * REQUEST.size, 2 * ROUND * SLOT.size].map((size) =>
    batch.room(size),
  ) as [Room, Room, Room];
  const [ours, oursSize, theirs, theirsSize] = Array.from({ length: 4 }, () => batch.cell()) as Four;
  const [next, last, request, stopped] = Array.from({ length: 4 }, () => batch.cell()) as Four;
  const [slot, place, status, tid] = Array.from({ length: 4 }, () => batch.cell()) as Four;
  const [signal, bell, result, asked] = Array.from({ length: 4 }, () => batch.cell()) as Four;
  const full = batch.cell();
  const inSlot = (name: keyof typeof SLOT): Row => set(place, slot, SLOT[name]);
  const keep = (name: keyof typeof SLOT, from: Cell): Row[] => [inSlot(name), set(at(place), from)];
  const clock = (name: 'heard' | 'over'): Row[] => [
    inSlot(name),
    call(undefined, 'clock_gettime', CLOCK_MONOTONIC, place),
  ];
  const ask = (name: 'GETREGS' | 'GET_RSEQ_CONFIGURATION', into: keyof typeof SLOT, size = 0): Row[] => [
    inSlot(into),
    call(result, 'ptrace', PTRACE[name], stopped, size, place),
  ];
  /** process_vm_readv(2) of the bytes at `theirs`. */
  const copy = (into: keyof typeof SLOT): Row[] => [
    set(ours, slot, SLOT[into]),
    set(oursSize, theirsSize),
    call(result, 'process_vm_readv', stopped, ours.address, 1, theirs.address, 1, 0),
  ];
  const program = batch.program([
    label('next'),
    when(asked, '=', AT_ONCE, 'wait'),
    when(next, '=', last, 'drain'),
    load(tid, next),
    call(undefined, 'clock_gettime', CLOCK_MONOTONIC, request),
    call(result, 'ptrace', PTRACE.SEIZE, tid, 0, 0),
    when(result, '<', 0, 'refused'),
    call(result, 'ptrace', PTRACE.INTERRUPT, tid, 0, 0),
    when(result, '<', 0, 'refused'),
    set(asked, asked, 1),
    jump('further'),
    label('refused'),
    set(place, request, REQUEST.refused),
    set(at(place), result),
    label('further'),
    set(next, next, 8),
    set(request, request, REQUEST.size),
    jump('next'),
    label('drain'),
    when(asked, '=', 0, 'over'),
    label('wait'),
    when(slot, '=', full, 'over'),
    call(result, 'wait4', -1, status.address, WALL | WUNTRACED, 0),
    when(result, '=', -ERRNO.EINTR, 'wait'),
    when(result, '<', 0, 'alone'),
    when(result, '=', bell, 'rung'),
    set(stopped, result),
    ...clock('heard'),
    ...keep('tid', stopped),
    ...keep('status', status),
    // WIFSTOPPED (wait(2)): else it has ended.
    when(status, '!=', 0x7f, 'left', 0x7f),
    ...ask('GETREGS', 'registers'),
    ...keep('registersGot', result),
    ...ask('GET_RSEQ_CONFIGURATION', 'configuration', PTRACE_RSEQ_CONFIGURATION.size),
    ...keep('configurationGot', result),
    when(result, '<', 0, 'leave'),
    inSlot('configuration'),
    load(theirs, place),
    when(theirs, '=', 0, 'leave'),
    set(place, place, offsetOf(PTRACE_RSEQ_CONFIGURATION, 'rseq_abi_size')),
    load(theirsSize, place, 0, 0xffff_ffff),
    when(theirsSize, '<', RSEQ.size, 'whole'),
    set(theirsSize, RSEQ.size),
    label('whole'),
    ...copy('area'),
    ...keep('areaGot', result),
    when(result, '!=', theirsSize, 'leave'),
    inSlot('area'),
    set(place, place, offsetOf(RSEQ, 'rseq_cs')),
    load(theirs, place),
    when(theirs, '=', 0, 'leave'),
    set(theirsSize, RSEQ_CS.size),
    ...copy('descriptor'),
    ...keep('descriptorGot', result),
    when(result, '!=', theirsSize, 'leave'),
    inSlot('descriptor'),
    set(place, place, offsetOf(RSEQ_CS, 'abort_ip')),
    load(theirs, place, -SIGNATURE_SIZE),
    set(theirsSize, SIGNATURE_SIZE),
    ...copy('signature'),
    ...keep('signatureGot', result),
    label('leave'),
    // A signal that came first is delivered as if nobody had been here; an event (status >> 16) is none.
    set(signal, 0),
    when(status, '!=', 0, 'quiet', 0xff_0000),
    load(signal, status.address + 1n, 0, 0xff),
    label('quiet'),
    call(result, 'ptrace', PTRACE.DETACH, stopped, 0, signal),
    ...clock('over'),
    ...keep('detached', result),
    label('left'),
    set(slot, slot, SLOT.size),
    set(asked, asked, -1),
    jump('next'),
    label('over'),
    end(END.over),
    label('rung'),
    end(END.rung),
    label('alone'),
    end(END.alone),
  ]);
  const view = ({ bytes }: Room): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    tids: new BigInt64Array(tids.bytes.buffer, tids.bytes.byteOffset, ROUND),
    requests: view(requests),
    slots: slots.bytes,
    bell,
    run: (first, count, before) => {
      // Its pages are there before a thread waits for them.
      const most = Math.min(count - first + 2 * AT_ONCE, 2 * ROUND);
      slots.bytes.fill(0, 0, most * SLOT.size);
      requests.bytes.fill(0, 0, count * REQUEST.size);
      full.set(slots.address + BigInt(most * SLOT.size));
      next.set(tids.address + BigInt(8 * first));
      last.set(tids.address + BigInt(8 * count));
      request.set(requests.address + BigInt(REQUEST.size * first));
      slot.set(slots.address);
      asked.set(before);
      return {
        end: program() as End,
        next: Number(next.get() - tids.address) / 8,
        stops: Number(slot.get() - slots.address) / SLOT.size,
      };
    },
  };
}
type Room = ReturnType<Batch['room']>;
type Four = [Cell, Cell, Cell, Cell];

/** Stops each of these threads, one after the other, and asks it. For who traces nothing else, and has no children. */
export function stopEach(tids: readonly number[]): Map<number, Stop<Answer>> {
  const done = new Map<number, Stop<Answer>>();
  // When each was asked, in microseconds.
  const asked = new Map<number, number>();
  for (let at = 0; at < tids.length; at += ROUND) stopRound(tids.slice(at, at + ROUND), asked, done);
  return done;
}

function stopRound(
  tids: readonly number[],
  asked: Map<number, number>,
  done: Map<number, Stop<Answer>>,
): void {
  machine ??= makeMachine();
  for (const [index, tid] of tids.entries()) machine.tids[index] = BigInt(tid);
  const waiting = (): number[] => tids.filter((tid) => asked.has(tid) && !done.has(tid));
  for (let first = 0, left = 0; first < tids.length || left > 0; ) {
    machine.bell.set(bell());
    const { end, next, stops } = machine.run(first, tids.length, left);
    for (let index = first; index < next; index++)
      noteRequest(machine.requests, index, tids[index]!, asked, done);
    first = next;
    for (let index = 0; index < stops; index++) {
      const slot = new DataView(machine.slots.slice(index * SLOT.size, (index + 1) * SLOT.size).buffer);
      // One that was let be may come to its stop later.
      const tid = slot.getInt32(SLOT.tid, true);
      done.set(tid, stopOf(slot, asked.get(tid)));
    }
    left = waiting().length;
    if (end === END.over || left === 0) continue;
    // What has not stopped by now is let be; the kernel takes our request back when we end.
    for (const tid of waiting()) done.set(tid, { kind: end === END.rung ? 'stuck' : 'gone' });
    forgetBell();
    left = 0;
  }
}

function noteRequest(
  requests: DataView,
  index: number,
  tid: number,
  asked: Map<number, number>,
  done: Map<number, Stop<Answer>>,
): void {
  const at = index * REQUEST.size;
  const refused = refusal(Number(requests.getBigInt64(at + REQUEST.refused, true)));
  if (refused === undefined) asked.set(tid, microseconds(requests, at + REQUEST.asked));
  else done.set(tid, refused);
}

function refusal(result: number): Stop<never> | undefined {
  if (result === 0) return undefined;
  if (result === -ERRNO.EPERM) return { kind: 'denied' };
  if (result === -ERRNO.ESRCH) return { kind: 'gone' };
  throw new SystemError('ptrace', -result);
}

/** Of a struct timespec. */
const microseconds = (view: DataView, at: number): number =>
  Number(view.getBigInt64(at, true)) * 1e6 + Number(view.getBigInt64(at + 8, true)) / 1e3;

/** `asked`: when it was, by the same clock. */
function stopOf(slot: DataView, asked: number | undefined): Stop<Answer> {
  const got = (name: keyof typeof SLOT): number => Number(slot.getBigInt64(SLOT[name], true));
  // It has ended, or was killed while it stood.
  if ((got('status') & 0x7f) !== 0x7f || got('registersGot') < 0 || got('detached') < 0)
    return { kind: 'gone' };
  const [heard, over] = [microseconds(slot, SLOT.heard), microseconds(slot, SLOT.over)];
  return { kind: 'stopped', value: answerOf(slot), held: over - heard, asked: over - (asked ?? heard) };
}

function answerOf(slot: DataView): Answer {
  const got = (name: keyof typeof SLOT): number => Number(slot.getBigInt64(SLOT[name], true));
  const bytes = (name: keyof typeof SLOT, size: number): Uint8Array =>
    new Uint8Array(slot.buffer, SLOT[name], Math.max(0, size));
  const registers = new UserRegisters(new BigUint64Array(slot.buffer, SLOT.registers, USER_REGISTERS.length));
  if (got('configurationGot') < 0) return { registers, configuration: 'unsupported', read: () => undefined };
  const read = PTRACE_RSEQ_CONFIGURATION.read(bytes('configuration', PTRACE_RSEQ_CONFIGURATION.size));
  const { rseq_abi_pointer: address, rseq_abi_size: length, signature, flags } = read;
  const area = bytes('area', got('areaGot'));
  const descriptor = bytes('descriptor', got('descriptorGot'));
  const pieces = new Map([[address, area]]);
  if (descriptor.length > 0)
    pieces.set(slot.getBigUint64(SLOT.area + offsetOf(RSEQ, 'rseq_cs'), true), descriptor);
  if (descriptor.length === RSEQ_CS.size)
    pieces.set(
      slot.getBigUint64(SLOT.descriptor + offsetOf(RSEQ_CS, 'abort_ip'), true) - SIGNATURE_SIZE,
      bytes('signature', got('signatureGot')),
    );
  return {
    registers,
    configuration: address === 0n ? undefined : { address, length, signature, flags },
    read: (from, size) => {
      const piece = pieces.get(from);
      return piece === undefined || piece.length < size ? undefined : piece.subarray(0, size);
    },
  };
}
