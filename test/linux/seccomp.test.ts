import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFilter, type Instruction, type Range, RET, sectionFilter } from '../../src/linux/seccomp.js';

const X86_64 = 0xc000003e;

interface Call {
  readonly nr: number;
  readonly arch: number;
  readonly ip: bigint;
}

/** Runs a filter as the kernel does (net/core/filter.c), on struct seccomp_data; checks each jump. */
function run(program: readonly Instruction[], call: Call): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.nr, true);
  data.setUint32(4, call.arch, true);
  data.setBigUint64(8, call.ip, true);
  let a = 0;
  for (let pc = 0; ; pc++) {
    const { code, jt, jf, k } = program[pc]!;
    if (code === 0x20) a = data.getUint32(k, true);
    else if (code === 0x15) pc += a === k ? jt : jf;
    else if (code === 0x35) pc += a >= k ? jt : jf;
    else if (code === 0x05) pc += k;
    else if (code === 0x06) return k;
    else throw new Error(`code ${code}`);
  }
}

const INSIDE = RET.TRACE | 1;
const call = (ip: bigint): Call => ({ nr: 39, arch: X86_64, ip });
const address = fc.oneof(
  fc.bigInt(0n, 2n ** 47n),
  fc.bigInt(0n, 300n).map((low) => 0x7fff_0000_0000n + low * 0x2000_0000n),
  fc.bigInt(0x40_0000n, 0x40_0400n),
);
const range: fc.Arbitrary<Range> = fc
  .tuple(address, fc.oneof(fc.bigInt(0n, 64n), fc.bigInt(0n, 2n ** 34n)))
  .map(([start, size]) => ({ start, end: start + size }));

describe('a filter over address ranges', () => {
  it('lets pass what is outside of all, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 40 }), fc.array(address), (ranges, others) => {
        const program = sectionFilter(ranges, INSIDE);
        const edges = ranges.flatMap(({ start, end }) => [start - 1n, start, end - 1n, end]);
        for (const ip of [...edges, ...others, 0n, 2n ** 64n - 1n].filter((ip) => ip >= 0n)) {
          const inside = ranges.some(({ start, end }) => start <= ip && ip < end);
          expect(run(program, call(ip))).toBe(inside ? INSIDE : RET.ALLOW);
          expect(run(program, { ...call(ip), arch: 0x40000003 })).toBe(inside ? INSIDE : RET.ALLOW);
        }
      }),
    );
  });

  it('is short: a search by halves', () => {
    const ranges = Array.from({ length: 500 }, (_, n) => ({
      start: BigInt(n * 64),
      end: BigInt(n * 64 + 20),
    }));
    expect(sectionFilter(ranges, INSIDE).length).toBeLessThan(4096);
    expect(run(sectionFilter(ranges, INSIDE), call(64n * 499n + 19n))).toBe(INSIDE);
    const many = Array.from({ length: 5000 }, (_, n) => ({
      start: BigInt(n * 64),
      end: BigInt(n * 64 + 20),
    }));
    expect(() => sectionFilter(many, INSIDE)).toThrow('5000 ranges need');
  });

  it('is eight bytes an instruction for the kernel', () => {
    const program = sectionFilter([{ start: 0n, end: 16n }], INSIDE);
    expect([...encodeFilter(program).subarray(0, 8)]).toEqual([0x20, 0, 0, 0, 12, 0, 0, 0]);
    expect([...encodeFilter(sectionFilter([], INSIDE))]).toEqual([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
  });
});
