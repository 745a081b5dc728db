import { describe, expect, it } from 'vitest';
import { abiDocument } from '../../src/abi/describe.js';
import { flagNames } from '../../src/abi/flags.js';
import { MEMBARRIER_COMMANDS } from '../../src/abi/membarrier.js';
import {
  RSEQ_AREA_FLAGS,
  RSEQ_CPU_ID_STATES,
  RSEQ_CS_FLAGS,
  RSEQ_FEATURE_SIZES,
  RSEQ_SYSCALL_FLAGS,
} from '../../src/abi/rseq.js';
import { rseqSignature, rseqSignatures, SIGNATURES } from '../../src/abi/signatures.js';
import { RSEQ_INTERFACES, RSEQ_PRCTL, RSEQ_SYSCALL } from '../../src/abi/syscalls.js';
import { TASK_SIZE } from '../../src/abi/task-size.js';

describe('flags', () => {
  it('prints known bits by name and the rest in hexadecimal', () => {
    expect(flagNames(RSEQ_SYSCALL_FLAGS, 0)).toBe('0');
    expect(flagNames(RSEQ_SYSCALL_FLAGS, 3)).toBe('RSEQ_FLAG_UNREGISTER|RSEQ_FLAG_SLICE_EXT_DEFAULT_ON');
    expect(flagNames(RSEQ_SYSCALL_FLAGS, -1)).toBe(
      'RSEQ_FLAG_UNREGISTER|RSEQ_FLAG_SLICE_EXT_DEFAULT_ON|0xfffffffc',
    );
    expect(flagNames(RSEQ_CS_FLAGS, 0x80)).toBe('0x80');
  });

  it.each([[RSEQ_SYSCALL_FLAGS], [RSEQ_AREA_FLAGS]])('are single, distinct bits', (flags) => {
    const values = flags.map((flag) => flag.value);
    expect(values.every((value) => value > 0 && (value & (value - 1)) === 0)).toBe(true);
    expect(new Set(values).size).toBe(values.length);
  });
});

describe('signatures', () => {
  it('are those of librseq', () => {
    expect(
      Object.fromEntries(Object.entries(SIGNATURES).map(([name, one]) => [name, one.value.toString(16)])),
    ).toEqual({
      'x86-64': '53053053',
      i386: '53053053',
      aarch64: 'd428bc00',
      arm: 'e7f5def3',
      ppc64: 'fe5000b',
      ppc: 'fe5000b',
      s390x: 'b2ff0fff',
      s390: 'b2ff0fff',
      riscv64: 'f1401073',
      riscv32: 'f1401073',
      mips: '350000d',
      loongarch64: '2a0010',
    });
  });

  it('swap in big-endian arm and aarch64 data, because code does not', () => {
    expect(rseqSignature('aarch64', false)).toBe(0x00bc28d4);
    expect(rseqSignature('arm', false)).toBe(0xf3def5e7);
    expect(rseqSignature('ppc64', false)).toBe(rseqSignature('ppc64', true));
    const view = new DataView(new ArrayBuffer(8));
    for (const architecture of ['aarch64', 'arm'] as const) {
      view.setUint32(0, rseqSignature(architecture, true), true);
      view.setUint32(4, rseqSignature(architecture, false), false);
      expect(view.getUint32(0)).toBe(view.getUint32(4));
    }
  });

  it('of mips have variants', () => {
    expect(rseqSignatures('mips', true)).toEqual([0x0350000d, 0x03500010, 0xd4070000]);
    expect(rseqSignatures('mips', false)).toEqual([0x0350000d, 0x00100350, 0x0000d407]);
    expect(rseqSignatures('x86-64')).toEqual([0x53053053]);
  });
});

describe('tables', () => {
  it('name a source in every row', () => {
    const rows = [
      ...RSEQ_SYSCALL_FLAGS,
      ...RSEQ_AREA_FLAGS,
      ...RSEQ_CPU_ID_STATES,
      ...RSEQ_FEATURE_SIZES,
      ...MEMBARRIER_COMMANDS,
      ...RSEQ_PRCTL,
      ...RSEQ_INTERFACES,
      ...Object.values(RSEQ_SYSCALL),
      ...Object.values(TASK_SIZE),
      ...Object.values(SIGNATURES),
    ];
    expect(rows.filter((row) => row.source.trim() === '')).toEqual([]);
  });

  it('hold numbers that fit their architecture', () => {
    expect(RSEQ_SYSCALL['x86-64'].rseq).toBe(334);
    expect(RSEQ_SYSCALL.aarch64.rseq).toBe(293);
    for (const size of Object.values(TASK_SIZE)) expect(size.usual <= size.largest).toBe(true);
    expect(TASK_SIZE['x86-64']).toMatchObject({ usual: (1n << 47n) - 4096n, largest: (1n << 56n) - 4096n });
  });

  it('give the RSEQ commands of membarrier their bits', () => {
    expect(
      MEMBARRIER_COMMANDS.find((one) => one.name === 'MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ')?.value,
    ).toBe(128);
    expect(MEMBARRIER_COMMANDS.map((one) => one.value)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
  });
});

it('docs/abi.md is what src/abi says (npm run docs writes it)', async () => {
  await expect(abiDocument()).toMatchFileSnapshot('../../docs/abi.md');
});

it('every table of the document has as many cells in each line', () => {
  let width = 0;
  for (const text of abiDocument().split('\n')) {
    if (!text.startsWith('|')) width = 0;
    else {
      const cells = text.replaceAll('\\|', '').split('|').length;
      if (width !== 0) expect(cells, text).toBe(width);
      width = cells;
    }
  }
});
