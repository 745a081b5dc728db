import { describe, expect, it } from 'vitest';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE, STATE, STATE_SIZES } from '../../src/machine/state.js';

const CODE = 0x40_0000;
const DATA = 0x50_0000;

/** Runs code until it stops, at most 1000 instructions of it. */
function run(hex: string, { exact = false, prepare = (_: Machine): void => {} } = {}) {
  const machine = new Machine();
  machine.protect(CODE, 4096, PAGE.READ | PAGE.EXECUTE);
  machine.protect(DATA, 8192, PAGE.READ | PAGE.WRITE);
  machine.poke(CODE, Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  machine.setRegister(4, BigInt(DATA + 4096));
  machine.rip = BigInt(CODE);
  prepare(machine);
  const stop = new Cpu(machine, 2).run(1000, exact);
  return { machine, stop, at: Number(machine.rip) - CODE };
}

const HLT = 'f4';

describe('cpuid', () => {
  const leaf = (number: number): string[] => {
    const { machine } = run(`0fa2 ${HLT}`, {
      prepare: (m) => m.setRegister(0, BigInt(number) | (1n << 40n)),
    });
    return [0, 3, 1, 2].map((register) => machine.register(register).toString(16));
  };
  it('says the vendor and the features of the baseline', () => {
    const text = (words: string[]): string =>
      words.map((word) => Buffer.from(word.padStart(8, '0'), 'hex').reverse().toString()).join('');
    const [most, b, c, d] = leaf(0);
    expect([most, text([b!, d!, c!])]).toEqual(['1', 'rseqlab  x86']);
    // fpu tsc cx8 cmov clfsh mmx fxsr sse sse2; cx16; syscall nx rdtscp lm; lahf.
    expect(leaf(1).slice(2)).toEqual(['2000', '7888111']);
    expect(leaf(0x8000_0001).slice(2)).toEqual(['1', '29908911']);
  });
  it('says zeros of leaves that it has not', () => expect(leaf(7)).toEqual(['0', '0', '0', '0']));
});

it.each([
  ['vaddps %ymm0,%ymm0,%ymm0', 'c5fc58c0'],
  ['pshufb %xmm0,%xmm0', '660f3800c0'],
  ['fisttpl (%rsp)', 'db0c24'],
  ['rdfsbase %rax', 'f3480faec0'],
  ['xgetbv', '0f01d0'],
  ['rdrand %eax', '0fc7f0'],
])('%s is of an extension that cpuid does not announce: undefined', (_text, code) => {
  const { stop, at } = run(code);
  expect([stop, at]).toEqual([{ reason: 'trap', trap: 'undefined' }, 0]);
});

it.each([
  ['a misaligned movaps', '0f284c2404', 'general-protection', 0],
  ['int $0x80', 'cd80', 'general-protection', 0],
  ['int $0x20', 'cd20', 'general-protection', 0],
  ['a reserved bit of MXCSR', '6a ff 0fae1424', 'general-protection', 2],
])('%s stops the program', (_text, code, trap, where) => {
  const { stop, at } = run(code);
  expect([stop, at]).toEqual([{ reason: 'trap', trap }, where]);
});

describe('the time stamp', () => {
  // rdtsc; mov %eax,%esi; nop; nop; rdtsc; mov %eax,%edi; dec %ebx; jne start; hlt
  const loop = `0f31 89c6 9090 0f31 89c7 ffcb 75f2 ${HLT}`;
  it.each([false, true])('counts instructions (exact: %s)', (exact) => {
    const { machine } = run(loop, {
      exact,
      prepare: (m) => {
        m.setRegister(3, 20n);
        m.view.setBigUint64(STATE.tsc, 5000n, true);
      },
    });
    // 1000 instructions were asked for, and the clock then reads 5000. A round is eight instructions.
    expect([machine.register(6), machine.register(7)]).toEqual([4000n + 19n * 8n, 4000n + 19n * 8n + 4n]);
  });
  it('comes with the number that the kernel gave the CPU', () => {
    const { machine } = run(`0f01f9 ${HLT}`, {
      prepare: (m) => m.view.setUint32(STATE.tscAux, 0x1003, true),
    });
    expect(machine.register(1)).toBe(0x1003n);
  });
});

describe('exceptions that are unmasked', () => {
  it('of SSE stop the instruction, with their flag raised', () => {
    // movl $0x1d80,-4(%rsp); ldmxcsr -4(%rsp); xorps %xmm0,%xmm0; divss %xmm0,%xmm1
    const { machine, stop, at } = run('c74424fc801d0000 0fae5424fc 0f57c0 f30f5ec8', {
      prepare: (m) => m.view.setUint32(STATE.xmm + 16, 0x3f80_0000, true),
    });
    expect([stop, at]).toEqual([{ reason: 'trap', trap: 'float' }, 16]);
    expect(machine.view.getUint32(STATE.mxcsr, true)).toBe(0x1d84);
    expect(machine.view.getUint32(STATE.xmm + 16, true)).toBe(0x3f80_0000);
  });
  it('of the x87 stop the next instruction that waits', () => {
    // movw $0x37b,-2(%rsp); fldcw -2(%rsp); fld1; fldz; fdivp; nop; fwait
    const { machine, stop, at } = run('66c74424fe7b03 d96c24fe d9e8 d9ee def9 90 9b');
    expect([stop, at]).toEqual([{ reason: 'trap', trap: 'float' }, 18]);
    expect(machine.view.getUint16(STATE.x87Status, true) & 0x80ff).toBe(0x8084);
  });
});

it('xsavec and xrstor carry the parts that are asked for, and no others', () => {
  // mov $0xee,%eax; xor %edx,%edx; xsavec (%rsp): SSE, of what glibc's dynamic linker asks for.
  const prepare = (m: Machine): void => {
    for (let n = 0; n < 16; n++) m.view.setBigUint64(STATE.xmm + 16 * n, BigInt(n) * 0x0101_0101n, true);
    m.poke(DATA + 4096, new Uint8Array(576).fill(0xaa));
  };
  const saved = run(`b8ee000000 31d2 0fc72424 ${HLT}`, { prepare }).machine.read(DATA + 4096, 576);
  const view = new DataView(saved.buffer);
  expect([view.getBigUint64(512, true), view.getBigUint64(520, true)]).toEqual([2n, (1n << 63n) | 2n]);
  expect([saved[0], view.getUint32(24, true), view.getUint32(160 + 48, true)]).toEqual([
    0xaa, 0x1f80, 0x0303_0303,
  ]);
  // pcmpeqd %xmm3,%xmm3; xrstor (%rsp)
  const back = run(`b8ee000000 31d2 660f76db 0fae2c24 ${HLT}`, {
    prepare: (m) => m.poke(DATA + 4096, saved),
  });
  expect(back.machine.view.getBigUint64(STATE.xmm + 48, true)).toBe(0x0303_0303n);
  expect(back.machine.view.getBigUint64(STATE.xmm + 56, true)).toBe(0n);
  // Of a part that the machine has not, and where it is not aligned: #GP.
  view.setBigUint64(512, 4n, true);
  for (const code of ['0fae2c24', '0fae6c2408']) {
    const { stop } = run(`b8ee000000 31d2 ${code} ${HLT}`, { prepare: (m) => m.poke(DATA + 4096, saved) });
    expect(stop).toEqual({ reason: 'trap', trap: 'general-protection' });
  }
});

it('fxsave and fxrstor carry all of the state', () => {
  const save = run(`d9eb 0f28c1 0fae0424 ${HLT}`, {
    prepare: (m) => {
      for (let n = 0; n < 16; n++) m.view.setBigUint64(STATE.xmm + 16 * n, BigInt(n) * 0x0101_0101n, true);
    },
  });
  const image = save.machine.read(DATA + 4096, 512);
  const restored = run(`0fae0c24 ${HLT}`, { prepare: (m) => m.poke(DATA + 4096, image) });
  const state = (machine: Machine): string =>
    Buffer.from(machine.raw.slice(STATE.mxcsr, STATE.x87Valid + 1)).toString('hex') +
    Buffer.from(machine.raw.slice(STATE.xmm, STATE_SIZES['x86-64'])).toString('hex');
  expect(state(restored.machine)).toBe(state(save.machine));
});
