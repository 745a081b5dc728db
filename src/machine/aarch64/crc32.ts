/** The polynomials with their bits in the opposite order: IEEE 802.3's and Castagnoli's. */
const POLYNOMIALS = [0xedb8_8320, 0x82f6_3b78] as const;

interface Registers {
  register(number: number): bigint;
  setRegister(number: number, value: bigint): void;
}

/** crc32b .. crc32cx by their word (Arm ARM C6.2.92, C6.2.93): Rd is the checksum Rn with 1, 2, 4 or 8 bytes of Rm added. */
export function crc32(registers: Registers, word: number): undefined {
  const field = (at: number): number => (word >>> at) & 31;
  const read = (number: number): bigint => (number === 31 ? 0n : registers.register(number));
  const polynomial = POLYNOMIALS[(word >>> 12) & 1]!;
  const bytes = 1 << ((word >>> 10) & 3);
  let sum = Number(read(field(5)) & 0xffff_ffffn);
  for (let n = 0, rest = read(field(16)); n < bytes; n++, rest >>= 8n) {
    sum ^= Number(rest & 0xffn);
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum & 1) === 1 ? polynomial : 0);
  }
  if (field(0) !== 31) registers.setRegister(field(0), BigInt(sum >>> 0));
  return undefined;
}
