/** The threads of a core. A core does not hold what was registered: it is found as glibc's area, by a symbol, or by how it looks. */
import { hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_AREA_FLAGS, RSEQ_CS, RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import { rseqSignature } from '../../abi/signatures.js';
import type { RunningKernel } from '../../linux/kernel.js';
import { endOf, isInside, SIGNATURE_SIZE } from '../../process/judge.js';
import type { RseqConfiguration } from '../../process/process.js';
import { rseqState } from '../../process/rseq.js';
import type { InspectedProcess } from '../../report/inspect-document.js';
import type { CoreProcess } from '../core.js';
import { type Glibc, glibcOf } from '../glibc.js';
import type { TargetThread } from '../target.js';
import { describeThread, type Seen } from './describe.js';
import { about, callName } from './look.js';
import { derive } from './owner.js';

export function inspectCore(core: CoreProcess, kernel: RunningKernel): InspectedProcess {
  const { glibc, threads } = seeCore(core);
  const notes = [
    ...(core.signal === undefined
      ? []
      : [`thread ${core.signal.tid} was ended by signal ${core.signal.signal}`]),
    threads.some(({ known }) => known === 'image')
      ? 'rseqlab checkpoint has written it: what was registered stands in a note of its own'
      : 'a core does not hold what was registered: what follows is derived from its memory',
  ];
  return {
    ...about(core, glibc, notes),
    threads: threads.map((seen) => describeThread(core, glibc, kernel, seen)),
  };
}

export function seeCore(core: CoreProcess): {
  readonly glibc: Glibc | undefined;
  readonly threads: readonly Seen[];
} {
  const glibc = glibcOf(core.modules, (address, size) => core.read(address, size));
  return { glibc, threads: core.threads().map((thread) => seeThread(core, glibc, thread)) };
}

function seeThread(core: CoreProcess, glibc: Glibc | undefined, thread: TargetThread): Seen {
  const { threadPointer, registers, rseq } = thread;
  if (rseq !== 'unasked') return { ...unstopped(core, thread), known: 'image', configuration: rseq, state: rseqState(core, { rseq, registers }) }; // biome-ignore format: one line
  const named =
    threadPointer === undefined || threadPointer === 0n ? undefined : derive(core, glibc, threadPointer);
  const found = named === undefined || named === 'none' ? search(core, thread) : undefined;
  const configuration = named === 'none' || named === undefined ? found : named;
  return {
    ...unstopped(core, thread),
    known: configuration === undefined && named === undefined ? 'unknown' : 'derived',
    note:
      found === undefined
        ? undefined
        : `found at ${hex(found.address)} by its looks: no library and no symbol names it`,
    configuration,
    state: rseqState(core, { rseq: configuration, registers }),
  };
}

const unstopped = (core: CoreProcess, thread: TargetThread) => ({
  thread,
  note: undefined,
  stopped: undefined,
  asked: undefined,
  ip: thread.registers?.ip,
  threadPointer: thread.threadPointer,
  call: callName(core, thread.call),
});

/** Bytes of memory that are searched; a struct rseq that a program keeps by itself lies in its data or on a stack. */
const MOST = 64 * 2 ** 20;
const [CPU_ID, RSEQ_CS_FIELD, FLAGS] = [
  offsetOf(RSEQ, 'cpu_id'),
  offsetOf(RSEQ, 'rseq_cs'),
  offsetOf(RSEQ, 'flags'),
];
const CPUS = 8192;
const KNOWN_FLAGS = RSEQ_AREA_FLAGS.reduce((bits, { value }) => bits | value, 0);

/**
 * 32 aligned bytes that look like a struct rseq: both CPU numbers the same, no other flags than there are, and rseq_cs pointing at a descriptor. A
 * descriptor that is broken lacks one of its marks, other memory most of them; one that leads nowhere has none, and is not found.
 */
function search(core: CoreProcess, { registers }: TargetThread): RseqConfiguration | undefined {
  let best: { readonly address: bigint; readonly marks: number } | undefined;
  let left = MOST;
  for (const { start, end } of core.maps.filter(({ readable, writable }) => readable && writable)) {
    const size = Math.min(Number(end - start), left);
    const bytes = size === 0 ? undefined : core.read(start, size);
    if (bytes === undefined) continue;
    left -= size;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + RSEQ_ORIG_SIZE <= size; at += RSEQ_ORIG_SIZE) {
      const cpu = view.getUint32(at, true);
      if (cpu >= CPUS || cpu !== view.getUint32(at + CPU_ID, true)) continue;
      const points = view.getBigUint64(at + RSEQ_CS_FIELD, true);
      if (points === 0n || (view.getUint32(at + FLAGS, true) & ~KNOWN_FLAGS) !== 0) continue;
      const marks = marksOf(core, points, registers?.ip ?? 0n);
      if (marks > (best?.marks ?? LEAST - 1)) best = { address: start + BigInt(at), marks };
    }
  }
  return (
    best && { address: best.address, length: RSEQ_ORIG_SIZE, signature: rseqSignature('x86-64'), flags: 0 }
  );
}

/** Of seven marks. */
const LEAST = 5;

/** By how many marks these bytes are a descriptor that the thread has armed. */
function marksOf(core: CoreProcess, address: bigint, ip: bigint): number {
  const bytes = core.read(address, RSEQ_CS.size);
  if (bytes === undefined) return 0;
  const descriptor = RSEQ_CS.read(bytes);
  const { version, flags, start_ip, abort_ip } = descriptor;
  const executable = (at: bigint): boolean =>
    core.maps.some((map) => map.executable && map.name.startsWith('/') && at >= map.start && at < map.end);
  const word = core.read(BigInt.asUintN(64, abort_ip - SIGNATURE_SIZE), 4);
  const signature = word && new DataView(word.buffer, word.byteOffset).getUint32(0, true);
  return [
    version === 0,
    flags === 0,
    address % BigInt(RSEQ_CS.align) === 0n,
    executable(start_ip) && executable(endOf(descriptor)),
    executable(abort_ip),
    signature === rseqSignature('x86-64'),
    isInside(descriptor, ip),
  ].filter(Boolean).length;
}
