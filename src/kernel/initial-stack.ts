import { AT_RSEQ_ALIGN, AT_RSEQ_FEATURE_SIZE } from '../abi/rseq.js';
import type { Kernel } from './kernel.js';
import { LAYOUT, newArea, roundUp } from './mm/areas.js';
import { writeForced } from './mm/forced.js';
import { mapArea } from './mm/map.js';
import type { Program } from './program.js';
import { randomBytes } from './random.js';
import type { Mm } from './state.js';

/** Mapped below what stands on the stack at first (setup_arg_pages()): the rest comes when it is touched. */
const SLACK = 131_072;

/** Bytes that strings and the pointers to them take. */
export const sizeOnStack = (strings: readonly string[]): number =>
  strings.reduce((sum, { length }) => sum + length + 1 + 8, 8);

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

/** The stack area, and on it arguments, environment and the auxiliary vector (create_elf_tables()). Returns the stack pointer. */
export function buildStack(
  kernel: Kernel,
  mm: Mm,
  program: Program,
  { protection, entry, tables, count }: { protection: number; entry: number; tables: number; count: number },
): number {
  const room = roundUp(
    sizeOnStack(program.arguments) + sizeOnStack(program.environment) + 2 * program.path.length,
  );
  const area = { start: LAYOUT.stackTop - room - SLACK, end: LAYOUT.stackTop };
  mapArea(kernel, mm, newArea(area, protection, { growsDown: true }));
  const poke = (address: number, bytes: Uint8Array): unknown => writeForced(kernel, mm, address, bytes);
  let at = LAYOUT.stackTop - 8;
  const push = (text: string): number => {
    const bytes = new Uint8Array(text.length + 1);
    for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
    at -= bytes.length;
    poke(at, bytes);
    return at;
  };
  const name = push(program.path);
  mm.envEnd = at;
  const environment = [...program.environment].reverse().map(push).reverse();
  mm.envStart = mm.argEnd = at;
  const args = [...program.arguments].reverse().map(push).reverse();
  mm.argStart = at;
  const platform = push(kernel.arch.platform);
  at = (at & ~15) >>> 0;
  at -= 16;
  poke(at, randomBytes(kernel.state.random, 16));
  const random = at;
  const { rules } = kernel;
  const auxv: [number, bigint][] = [
    [AT.HWCAP, kernel.arch.hwcap],
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
    [AT.MINSIGSTKSZ, kernel.arch.signalStack.frame],
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
  poke(at, new Uint8Array(new BigUint64Array(words).buffer));
  mm.stackStart = at;
  return at;
}
