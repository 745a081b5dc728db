import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineLayout, fieldSize, type Layout } from '../../src/abi/layout.js';
import { PTRACE_RSEQ_CONFIGURATION } from '../../src/abi/ptrace.js';
import { RSEQ, RSEQ_CS, RSEQ_FEATURE_SIZES } from '../../src/abi/rseq.js';

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
const LAYOUTS = [RSEQ, RSEQ_CS, PTRACE_RSEQ_CONFIGURATION] as unknown as Layout[];

describe('layouts', () => {
  it.each(LAYOUTS)('$name: fields are aligned, ascending, apart, inside', (layout) => {
    let end = 0;
    for (const field of layout.fields) {
      const size = fieldSize(field.type);
      expect(field.offset % size, field.name).toBe(0);
      expect(field.offset, field.name).toBeGreaterThanOrEqual(end);
      end = field.offset + size;
    }
    expect(end).toBeLessThanOrEqual(layout.size);
    expect(layout.size % layout.align).toBe(0);
    expect(layout.source).not.toBe('');
  });

  it('holds the offsets of the UAPI header', () => {
    expect(Object.fromEntries(RSEQ.fields.map((field) => [field.name, field.offset]))).toEqual({
      cpu_id_start: 0,
      cpu_id: 4,
      rseq_cs: 8,
      flags: 16,
      node_id: 20,
      mm_cid: 24,
      'slice_ctrl.request': 28,
      'slice_ctrl.granted': 29,
      'slice_ctrl.__reserved': 30,
      __reserved: 32,
    });
    expect(RSEQ_CS.fields.map((field) => field.offset)).toEqual([0, 4, 8, 16, 24]);
    expect(PTRACE_RSEQ_CONFIGURATION.fields.map((field) => field.offset)).toEqual([0, 8, 12, 16, 20]);
  });

  it.each(RSEQ_FEATURE_SIZES)('struct rseq of $size bytes ends with $last', ({ size, last }) => {
    expect(Object.keys(RSEQ.read(new Uint8Array(size))).at(-1)).toBe(last);
    if (size > 20) expect(RSEQ.read(new Uint8Array(size - 1))).not.toHaveProperty(last);
  });

  it('refuses fewer bytes than every version has', () => {
    expect(() => RSEQ.read(new Uint8Array(19))).toThrow(/struct rseq: 19 bytes do not hold flags/);
    expect(() => RSEQ_CS.read(new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('golden reads', () => {
  it('struct rseq of a registered thread on 6.18', () => {
    const value = RSEQ.read(bytes('01000000 01000000 8842005555550000 00000000 00000000 02000000'));
    expect(value).toEqual({
      cpu_id_start: 1,
      cpu_id: 1,
      rseq_cs: 0x5555_5500_4288n,
      flags: 0,
      node_id: 0,
      mm_cid: 2,
    });
  });

  it('struct rseq of 33 bytes, with a granted slice', () => {
    const value = RSEQ.read(
      bytes('00000000 ffffffff 0000000000000000 30000000 00000000 00000000 00 01 0000 00'),
    );
    expect(value).toMatchObject({
      cpu_id: 0xffff_ffff,
      flags: 0x30,
      'slice_ctrl.request': 0,
      'slice_ctrl.granted': 1,
    });
    expect(RSEQ.format(value)).toBe(
      '{cpu_id_start=0, cpu_id=4294967295 /* RSEQ_CPU_ID_UNINITIALIZED */, rseq_cs=NULL, ' +
        'flags=RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE|RSEQ_CS_FLAG_SLICE_EXT_ENABLED, node_id=0, mm_cid=0, ' +
        'slice_ctrl={request=0, granted=1, __reserved=0}, __reserved=0}',
    );
  });

  it('a descriptor, in both byte orders', () => {
    const value = {
      version: 0,
      flags: 0x81,
      start_ip: 0x401212n,
      post_commit_offset: 14n,
      abort_ip: 0x401228n,
    };
    expect(
      RSEQ_CS.read(bytes('00000000 81000000 1212400000000000 0e00000000000000 2812400000000000')),
    ).toEqual(value);
    expect(
      RSEQ_CS.read(bytes('00000000 00000081 0000000000401212 000000000000000e 0000000000401228'), false),
    ).toEqual(value);
    expect(RSEQ_CS.format(value)).toBe(
      '{version=0, flags=RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT|0x80, start_ip=0x401212, post_commit_offset=0xe, abort_ip=0x401228}',
    );
  });

  it('what ptrace tells about a thread of glibc 2.36', () => {
    const value = PTRACE_RSEQ_CONFIGURATION.read(
      bytes('6090ca776f7f0000 20000000 53300553 00000000 00000000'),
    );
    expect(PTRACE_RSEQ_CONFIGURATION.format(value)).toBe(
      '{rseq_abi_pointer=0x7f6f77ca9060, rseq_abi_size=32, signature=0x53053053, flags=0, pad=0}',
    );
  });

  it('reads through the offset of a view', () => {
    const buffer = bytes('ffffffff 00000000 00000000 0100000000000000 0200000000000000 0300000000000000');
    expect(RSEQ_CS.read(buffer.subarray(4)).abort_ip).toBe(3n);
  });
});

describe('write', () => {
  const cases = [
    ...RSEQ_FEATURE_SIZES.map(({ size }) => ({ layout: RSEQ as unknown as Layout, size })),
    { layout: RSEQ_CS as unknown as Layout, size: 32 },
    { layout: PTRACE_RSEQ_CONFIGURATION as unknown as Layout, size: 24 },
  ];
  it.each(cases)('is the inverse of read: $layout.name of $size bytes', ({ layout, size }) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: size, maxLength: size }),
        fc.boolean(),
        (input, littleEndian) => {
          const value = layout.read(input, littleEndian);
          expect(layout.write(value, littleEndian)).toEqual(input);
          expect(layout.read(layout.write(value, littleEndian), littleEndian)).toEqual(value);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('fills up to a size, and refuses what does not fit', () => {
    const value = RSEQ.read(new Uint8Array(28).fill(0xff));
    expect(RSEQ.write(value, true, 64)).toHaveLength(64);
    expect(() => RSEQ.write(value, true, 20)).toThrow(/node_id does not fit 20 bytes/);
    expect(() => RSEQ.write({ ...value, cpu_id: -1 })).toThrow(/cpu_id: -1 does not fit u32/);
    expect(() => RSEQ.write({ ...value, cpu_id: 1.5 })).toThrow(/not an integer/);
    expect(() => RSEQ.write({ ...value, rseq_cs: 1n << 64n })).toThrow(/does not fit u64/);
  });

  it('leaves gaps zero and knows signed fields', () => {
    const odd = defineLayout('odd', {
      size: 8,
      align: 4,
      source: 'test',
      fields: [
        { name: 'a', type: 'u8', offset: 0, writtenBy: 'user', comment: '' },
        { name: 'b', type: 'i32', offset: 4, writtenBy: 'user', comment: '' },
      ],
    });
    expect([...odd.write({ a: 7, b: -2 })]).toEqual([7, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff]);
    expect(odd.format({ a: 7, b: -2 })).toBe('{a=7, b=-2}');
  });
});
