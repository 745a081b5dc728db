import type { Addr } from '../../../src/abi/address.js';
import { aarch64 } from '../../../src/isa/aarch64/decoder.js';
import { type Case, CODE, type Result, runNative, seenAddress } from './native.js';
import type { Simulation } from './simulate.js';

const hex = (value: bigint | number): string => value.toString(16);

/** A result field by field. */
const fields = (result: Result): Record<string, string> => ({
  status: `${result.status}`,
  ...(result.status >= 256 && { pc: hex(result.pc), address: hex(seenAddress(result.address)) }),
  ...Object.fromEntries(result.registers.map((value, n) => [n === 31 ? 'sp' : `x${n}`, hex(value)])),
  nzcv: hex(result.nzcv >>> 28),
  fpcr: hex(result.fpcr),
  fpsr: hex(result.fpsr),
  ...Object.fromEntries(
    Array.from({ length: 32 }, (_, n) => [
      `v${n}`,
      Buffer.from(result.vectors.slice(16 * n, 16 * n + 16))
        .reverse()
        .toString('hex'),
    ]),
  ),
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, n) => [
      `data+${16 * n}`,
      Buffer.from(result.data.slice(16 * n, 16 * n + 16)).toString('hex'),
    ]),
  ),
});

export const textOf = ({ words }: Case): string =>
  words
    .map((word, n) => {
      const bytes = Uint8Array.from([word, word >>> 8, word >>> 16, word >>> 24]);
      return `${hex(word).padStart(8, '0')} ${aarch64.decode(bytes, (CODE + 4 * n) as Addr).text}`;
    })
    .join('; ');

const SIGILL = 256 + 4;
const SIGBUS = 256 + 7;
const SIGSEGV = 256 + 11;

/**
 * What qemu does that is not the architecture's only way: of an access of 16 bytes, of a pair or a structure, of which a part faults, the
 * one before is done; a store exclusive without a mark does not look at its address; the top byte of addresses is ignored, which is not done here.
 */
export function isOpen(one: Case, wanted: Result, got: Result): boolean {
  const { words } = one;
  // Arithmetic on numbers of 16 bits is an extension that ours does not have.
  if (got.status === SIGILL && /[0-9a-f]{8} [fsu]c?[a-z]+ .*(\bh\d|\.[48]h)/.test(textOf(one))) return true;
  // qemu does not ask for an aligned stack pointer.
  if (got.status === SIGBUS && words.some((word) => ((word >>> 5) & 31) === 31)) return true;
  const some = (mask: number, value: number): boolean => words.some((word) => (word & mask) >>> 0 === value);
  if (some(0x3f40_0000, 0x0800_0000) && (got.status === SIGBUS || got.status === SIGSEGV)) return true;
  if (got.status === wanted.status && got.status >= 256 && got.address >= 2n ** 47n) return true;
  if (got.status !== SIGSEGV || wanted.status !== SIGSEGV) return false;
  const isSplit = some(0x3800_0000, 0x2800_0000) || some(0xbe00_0000, 0x0c00_0000);
  return isSplit || some(0x3e80_0000, 0x3c80_0000);
}

/** What is different, told so that it can be done again by hand; undefined where nothing is. */
export function differenceOf(one: Case, wanted: Result, got: Result): string | undefined {
  const [native, ours] = [fields(wanted), fields(got)];
  const wrong = [...new Set([...Object.keys(native), ...Object.keys(ours)])].filter(
    (name) => native[name] !== ours[name],
  );
  if (wrong.length === 0 || isOpen(one, wanted, got)) return undefined;
  const before = fields({ ...one, status: 0, pc: 0n, address: 0n });
  return [
    textOf(one),
    ...wrong.map((name) => `${name}: before ${before[name]}, native ${native[name]}, ours ${ours[name]}`),
    `  ${Object.entries(before)
      .filter(([name]) => /^(x|sp|nzcv)/.test(name))
      .map((pair) => pair.join('='))
      .join(' ')}`,
  ].join('\n  ');
}

/** Differences between qemu, translated code and the interpreter, on some cases. */
export function compare(simulation: Simulation, cases: readonly Case[]): string[] {
  const natives = runNative(cases);
  const translated = simulation.translated(cases);
  return cases.flatMap((one, n) => {
    const ours = translated[n];
    if (ours === undefined) return [`not done: ${textOf(one)}`];
    const wrong = differenceOf(one, natives[n]!, ours);
    if (wrong !== undefined) return [wrong];
    const again = simulation.interpretedCase(one);
    if (again === undefined) return [];
    simulation.interpreted++;
    const other = differenceOf(one, ours, again);
    return other === undefined ? [] : [`interpreted: ${other}`];
  });
}
