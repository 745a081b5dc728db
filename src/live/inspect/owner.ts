/** Whose struct rseq an area is, and where one may be found without asking the kernel. */
import { hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CPU_ID_REGISTRATION_FAILED, RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import { rseqSignature } from '../../abi/signatures.js';
import type { ImageSymbol } from '../../binary/image.js';
import { printable } from '../../binary/printable.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { InspectedRegistration } from '../../report/inspect-document.js';
import type { Glibc } from '../glibc.js';
import { placeText } from '../modules.js';
import { shortName } from '../process.js';
import type { Target } from '../target.js';

type Owner = InspectedRegistration['owner'];

/** Who registered the area at `address`, for the thread with this thread pointer. */
export function ownerOf(
  target: Target,
  glibc: Glibc | undefined,
  address: bigint,
  threadPointer: bigint | undefined,
): Owner {
  if (glibc !== undefined && threadPointer !== undefined && threadPointer + glibc.offset === address)
    return {
      kind: 'glibc',
      text: `glibc (thread pointer ${glibc.offset < 0n ? '-' : '+'} ${abs(glibc.offset)}: __rseq_offset of ${printable(shortName(glibc.file))})`,
    };
  const local = threadPointer === undefined ? undefined : threadLocal(target, address - threadPointer);
  if (local !== undefined) return { kind: 'thread-local', text: local };
  const place = target.modules.place(address, false);
  if (place.module !== undefined)
    return { kind: 'static', text: `not glibc: a variable of the program, ${placeText(place)}` };
  const where =
    place.map?.name || (place.map === undefined ? 'nothing is mapped there' : 'memory without a file');
  return { kind: 'memory', text: `not glibc: ${printable(where)}` };
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** A variable of the program's own thread-local block, which ends at the thread pointer (ELF TLS ABI, variant II). */
function threadLocal(target: Target, offset: bigint): string | undefined {
  const block = programBlock(target);
  if (block === undefined || offset >= 0n || -offset > block.size) return undefined;
  const at = Number(block.size + offset);
  const symbol = block.symbols.find(
    ({ address, size }) => address! <= at && at < address! + Math.max(1, size),
  );
  const name = symbol === undefined ? `byte ${hex(at)} of its block` : printable(symbol.name);
  return `not glibc: thread-local variable ${name} of ${block.file}`;
}

interface Block {
  readonly file: string;
  /** Rounded up to its alignment: the distance from its beginning to the thread pointer. */
  readonly size: bigint;
  readonly symbols: readonly ImageSymbol[];
}

/** The thread-local block of the program itself. Those of libraries lie elsewhere, with each thread. */
function programBlock({ modules, executable }: Target): Block | undefined {
  const program = modules.modules.find(({ name }) => name === executable.replace(/ \(deleted\)$/, ''));
  if (!program?.file.hasTraces) return undefined;
  const block = program.file.image?.tlsBlock;
  if (block === undefined) return undefined;
  return {
    file: printable(shortName(program.name)),
    size: BigInt(Math.ceil(block.size / block.align) * block.align),
    symbols: program.file.image!.symbols.filter(
      ({ kind, address }) => kind === 'tls' && address !== undefined,
    ),
  };
}

/** What librseq before 2.35 and tcmalloc call the area that they register for each thread. */
const ABI_SYMBOL = '__rseq_abi';

/**
 * The registration of a thread, from its memory alone: glibc's area, else the variable __rseq_abi of the program, if the kernel has written a CPU's
 * number to it. glibc registers max(32, __rseq_size) bytes with RSEQ_SIG (sysdeps/unix/sysv/linux/rseq-internal.h); so do the others, 32 bytes.
 * `none`: glibc's area is there, and not registered; it may be that somebody else registered another.
 */
export function derive(
  target: Target,
  glibc: Glibc | undefined,
  threadPointer: bigint,
): RseqConfiguration | 'none' | undefined {
  const signature = rseqSignature('x86-64', true)!;
  const own = ownArea(target);
  const candidates = [
    ...(glibc === undefined ? [] : [{ address: threadPointer + glibc.offset, length: Math.max(RSEQ_ORIG_SIZE, glibc.size) }]), // biome-ignore format: a row
    ...(own === undefined ? [] : [{ address: threadPointer + own, length: RSEQ_ORIG_SIZE }]),
  ];
  for (const { address, length } of candidates) {
    const bytes = target.read(BigInt.asUintN(64, address), RSEQ_ORIG_SIZE);
    if (bytes !== undefined && isLive(wordOf(bytes, CPU_ID), wordOf(bytes, CPU_ID_START)))
      return { address, length, signature, flags: 0 };
    // An area that is not mapped any more is one that the kernel will stumble over.
    if (bytes === undefined && glibc !== undefined && glibc.size > 0)
      return { address, length, signature, flags: 0 };
  }
  return candidates.length > 0 ? 'none' : undefined;
}

const CPU_ID = offsetOf(RSEQ, 'cpu_id');
const CPU_ID_START = offsetOf(RSEQ, 'cpu_id_start');
const wordOf = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

/** A CPU's number, written by the kernel: what is not registered says -1 or -2. */
const isLive = (cpu: number, start: number): boolean =>
  cpu < RSEQ_CPU_ID_REGISTRATION_FAILED && start < RSEQ_CPU_ID_REGISTRATION_FAILED;

function ownArea(target: Target): bigint | undefined {
  const block = programBlock(target);
  const symbol = block?.symbols.find(({ name }) => name === ABI_SYMBOL);
  return symbol === undefined ? undefined : BigInt(symbol.address!) - block!.size;
}
