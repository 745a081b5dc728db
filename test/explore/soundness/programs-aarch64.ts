import fc from 'fast-check';
import { type Lines, type Part, type Scenario, scenarios } from './scenario-file.js';

/**
 * Random scenarios as in programs.ts, as assembly text for AArch64's `as`. x28 holds the address of struct rseq, x27 that of the shared words, w20 counts
 * retries; 64 bytes of stack are a task's own.
 */
const CLEAR = 'str xzr,[x28,#8]';
const SYSCALLS = { membarrier: 283, yield: 124, gettid: 178 } as const;
/** Of struct rseq, from the thread pointer (src/kernel/scenario/thread-local.ts). */
const BASES = ['mrs x28,tpidr_el0', 'sub x28,x28,#4032', 'adrp x27,data', 'add x27,x27,:lo12:data'] as const;

const register = fc.constantFrom('x0', 'x1', 'x2', 'x3', 'x4', 'x19');
const narrow = (name: string): string => name.replace('x', 'w');
/** A shared word that exclusive and atomic instructions can have. */
const aligned = fc.constantFrom(0, 8, 16);
/** A shared word, sometimes across two. */
const shared = fc
  .oneof({ weight: 8, arbitrary: aligned }, { weight: 2, arbitrary: fc.constantFrom(4, 7, 13, 22) })
  .map((at) => `[x27,#${at}]`);
/** A private word; below the stack pointer is nobody's. */
const own = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(8, 16, 24, 12) },
  { weight: 1, arbitrary: fc.constantFrom(-8, -200) },
);
const size = fc.oneof(
  { weight: 5, arbitrary: fc.constant(8) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 4) },
);
const SUFFIX: Readonly<Record<number, string>> = { 1: 'b', 2: 'h', 4: '', 8: '' };
const load = (to: string, at: string, bytes: number): string =>
  `ldr${SUFFIX[bytes]} ${bytes === 8 ? to : narrow(to)},${at}`;
const store = (from: string, at: string, bytes: number): string =>
  `str${SUFFIX[bytes]} ${bytes === 8 ? from : narrow(from)},${at}`;
const small = fc.integer({ min: 1, max: 3 });
const condition = fc.constantFrom('eq', 'ne', 'cs', 'cc', 'mi', 'lt', 'hi', 'vs');

const one = (text: fc.Arbitrary<string>): fc.Arbitrary<Lines> => text.map((line) => [line]);

/** An exclusive pair, tried once or until it is done, at an address in x16. */
const exclusive = (where: fc.Arbitrary<string>): fc.Arbitrary<Lines> =>
  fc
    .tuple(where, register, fc.constantFrom('try', 'loop', 'again', 'load', 'store', 'pair'), small)
    .map(([address, to, how, n]) => {
      const head = `${address}`;
      const [first, second] = how === 'pair' ? ['x5', 'x6'] : [to, to];
      switch (how) {
        case 'load':
          return [head, `ldaxr ${to},[x16]`];
        case 'store':
          return [head, `stxr w7,${to},[x16]`, `add ${to},${to},w7,uxtw`];
        case 'pair':
          return [
            head,
            `ldxp ${first},${second},[x16]`,
            `add ${first},${first},#${n}`,
            `stxp w7,${first},${second},[x16]`,
          ];
        case 'try':
          return [head, `ldxr ${to},[x16]`, `add ${to},${to},#${n}`, `stlxr w7,${to},[x16]`];
        default:
          return [
            head,
            '78:',
            `ldaxr ${to},[x16]`,
            `add ${to},${to},#${n}`,
            ...(how === 'again' ? ['clrex', `ldxr ${to},[x16]`] : []),
            `stxr w7,${to},[x16]`,
            'cbnz w7,78b',
          ];
      }
    });

/** Instructions that touch nothing but registers and private memory. */
const quiet: fc.Arbitrary<Lines> = fc.oneof(
  one(fc.tuple(small, register).map(([n, to]) => `add ${to},${to},#${n}`)),
  one(fc.tuple(small, register).map(([n, to]) => `mov ${narrow(to)},#${n}`)),
  one(fc.tuple(register, register).map(([from, to]) => `mov ${to},${from}`)),
  one(
    fc
      .tuple(
        register,
        register,
        register,
        fc.constantFrom('add', 'adds', 'eor', 'subs', 'ands', 'adcs', 'sbcs', 'mul', 'lsl', 'bic'),
      )
      .map(([a, b, to, what]) => `${what} ${to},${a},${b}`),
  ),
  one(
    fc
      .tuple(register, register, fc.constantFrom('cmp', 'cmn', 'tst'))
      .map(([a, b, what]) => `${what} ${a},${b}`),
  ),
  one(
    fc
      .tuple(register, register, fc.constantFrom('neg', 'mvn', 'clz', 'rev', 'negs'))
      .map(([a, to, what]) => `${what} ${to},${a}`),
  ),
  one(fc.tuple(register, condition).map(([to, when]) => `cset ${to},${when}`)),
  one(
    fc
      .tuple(register, register, register, condition)
      .map(([a, b, to, when]) => `csel ${to},${a},${b},${when}`),
  ),
  one(fc.tuple(register, register, condition).map(([a, b, when]) => `ccmp ${a},${b},#5,${when}`)),
  one(fc.tuple(register, own, size).map(([from, at, n]) => store(from, `[sp,#${at}]`, n))),
  one(fc.tuple(register, own, size).map(([to, at, n]) => load(to, `[sp,#${at}]`, n))),
  one(fc.tuple(register, register).map(([a, b]) => `stp ${a},${b},[sp,#32]`)),
  one(fc.tuple(register).map(([a]) => `ldp ${a},x5,[sp,#32]`)),
  one(register.map((to) => `ubfx ${to},${to},#1,#3`)),
  one(register.map((to) => `mrs ${to},nzcv`)),
  one(fc.constantFrom('nop', 'clrex', 'dmb ish', 'isb')),
  one(register.map((from) => `fmov d0,${from}`)),
  one(register.map((to) => `fmov ${to},d0`)),
  one(
    fc.constantFrom(
      'add v1.2d,v0.2d,v1.2d',
      'eor v0.16b,v0.16b,v1.16b',
      'mov v20.16b,v0.16b',
      'mov v0.16b,v20.16b',
    ),
  ),
  one(register.map((to) => `add ${to},sp,#8`)),
  fc.tuple(register, register).map(([a, b]) => [`str ${a},[sp,#-16]!`, `ldr ${b},[sp],#16`]),
  exclusive(fc.constantFrom('add x16,sp,#16', 'add x16,sp,#32')),
);

/** Instructions that others may notice. */
const loud: fc.Arbitrary<Lines> = fc.oneof(
  one(fc.tuple(register, shared, size).map(([from, at, n]) => store(from, at, n))),
  one(fc.tuple(register, shared, size).map(([to, at, n]) => load(to, at, n))),
  one(fc.tuple(register, shared).map(([to, at]) => load(to, at, 8))),
  fc
    .tuple(register, shared, small)
    .map(([to, at, n]) => [load(to, at, 8), `add ${to},${to},#${n}`, store(to, at, 8)]),
  fc
    .tuple(register, aligned, fc.constantFrom('stlr', 'ldar'))
    .map(([a, at, what]) => [`add x16,x27,#${at}`, `${what} ${a},[x16]`]),
  fc
    .tuple(register, register, aligned, fc.constantFrom('ldadd', 'swpal', 'cas', 'ldclr', 'ldsmax', 'casal'))
    .map(([a, b, at, what]) => [`add x16,x27,#${at}`, `${what} ${a},${b},[x16]`]),
  one(fc.tuple(register, register).map(([a, b]) => `stp ${a},${b},[x27]`)),
  one(register.map((a) => `ldp ${a},x5,[x27,#8]`)),
  one(fc.constantFrom('ldr q0,[x27]', 'str q0,[x27]', 'ldr d0,[x27,#8]')),
  exclusive(fc.constantFrom(0, 16).map((at) => `add x16,x27,#${at}`)),
  exclusive(fc.constantFrom(0, 16).map((at) => `add x16,x27,#${at}`)),
);

/** An element of an array by the number of the CPU, or of mm_cid. */
const indexed: fc.Arbitrary<Lines> = fc
  .record({
    number: fc.constantFrom(0, 4, 4, 24),
    what: fc.oneof(
      fc.constant<Lines>(['ldr x5,[x16]', 'add x5,x5,#1', 'str x5,[x16]']),
      fc.constant<Lines>(['mov x5,#1', 'stadd x5,[x16]']),
      register.map((to) => [`ldr ${to},[x16]`]),
      register.map((from) => [`str ${from},[x16]`]),
    ),
  })
  .map(({ number, what }) => [
    `ldr w9,[x28,#${number}]`,
    'add x16,x27,x9,lsl #3',
    'add x16,x16,#32',
    ...what,
  ]);

/** What tells one CPU from another. */
const partial: fc.Arbitrary<Lines> = fc
  .tuple(fc.constantFrom(0, 4, 24), fc.constantFrom(0, 1, 2), fc.constantFrom(0, 8, 40))
  .map(([number, which, at]) => [
    `ldr w9,[x28,#${number}]`,
    `cmp w9,#${which}`,
    'b.ne 77f',
    `ldr x9,[x27,#${at}]`,
    'add x9,x9,#1',
    `str x9,[x27,#${at}]`,
    '77:',
  ]);

/** Fields of struct rseq that the kernel writes. */
const looks: fc.Arbitrary<Lines> = one(
  fc.tuple(register, fc.constantFrom(0, 4, 4, 24)).map(([to, at]) => `ldr ${narrow(to)},[x28,#${at}]`),
);

const call = (number: number, first = 0, second = 0): Lines => [
  `mov x0,#${first}`,
  `mov x1,#${second}`,
  'mov x2,#0',
  `mov x8,#${number}`,
  'svc #0',
];
const FENCE = call(SYSCALLS.membarrier, 1 << 7);
const calls: fc.Arbitrary<Lines> = fc.constantFrom(FENCE, FENCE, call(SYSCALLS.gettid), call(SYSCALLS.yield));

const body = fc.oneof(
  { weight: 6, arbitrary: quiet },
  { weight: 4, arbitrary: loud },
  { weight: 1, arbitrary: looks },
  { weight: 2, arbitrary: indexed },
  { weight: 1, arbitrary: fc.constant<Lines>([CLEAR]) },
);

/** A section with all that may be wrong with one. Labels begin with `name`. */
const section = (name: string): fc.Arbitrary<Part> =>
  fc
    .record({
      arm: fc.oneof(
        { weight: 6, arbitrary: fc.constant('right') },
        { weight: 1, arbitrary: fc.constantFrom('none', 'gap', 'twice', 'late', 'store') },
      ),
      check: fc.constantFrom('none', 'none', 'id', 'cid'),
      body: fc.array(body, { minLength: 1, maxLength: 5 }),
      leave: fc.option(fc.tuple(condition, fc.boolean()), { freq: 3 }),
      commit: fc.option(shared, { freq: 5 }),
      from: register,
      abort: fc.constantFrom('give up', 'give up', 'retry', 'retry', 'retry late'),
      at: fc.array(quiet, { maxLength: 2 }),
      flags: fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.constantFrom(1, 5, 7, 4) },
      ),
      clear: fc.boolean(),
      wrong: fc.oneof(
        { weight: 12, arbitrary: fc.constant('no') },
        { weight: 1, arbitrary: fc.constantFrom('signature', 'version', 'inside') },
      ),
    })
    .map((is) => {
      const l = (label: string): string => `${name}_${label}`;
      const armWith = (label: string): string[] => [
        `adrp x9,${l(label)}`,
        `add x9,x9,:lo12:${l(label)}`,
        is.arm === 'store' ? 'str w9,[x28,#8]' : 'str x9,[x28,#8]',
      ];
      const code: string[] = ['mov w20,#2', `${l('retry')}:`];
      const data: string[] = [];
      const field = is.check === 'id' ? 4 : 24;
      if (is.check !== 'none') code.push(`ldr w10,[x28,#${is.check === 'id' ? 0 : field}]`);
      if (is.arm === 'twice') code.push(...armWith('other'));
      if (is.arm !== 'none') code.push(...armWith('cs'));
      if (is.arm === 'gap') code.push('nop');
      code.push(`${l('start')}:`);
      if (is.arm === 'late') code.push('nop', ...armWith('cs'));
      if (is.check !== 'none') code.push(`ldr w9,[x28,#${field}]`, 'cmp w9,w10', `b.ne ${l('abort')}`);
      for (const [index, lines] of is.body.entries()) {
        code.push(...lines);
        if (is.leave !== null && index === 0)
          code.push(`b.${is.leave[0]} ${is.leave[1] ? l('end') : l('behind')}`);
      }
      if (is.commit !== null) code.push(`str ${is.from},${is.commit}`);
      code.push(`${l('end')}:`, ...(is.clear ? [CLEAR] : []), `${l('behind')}:`);
      const away = [
        `.inst ${is.wrong === 'signature' ? '0xd4200000' : '0xd428bc00'}`,
        `${l('abort')}:`,
        ...is.at.flat(),
        ...(is.abort === 'give up'
          ? []
          : ['sub w20,w20,#1', `cbnz w20,${is.abort === 'retry' ? l('retry') : l('start')}`]),
        `b ${l('behind')}`,
      ];
      const descriptor = (label: string, start: string, end: string, abort: string): void => {
        data.push('.balign 32', `${l(label)}:`, `.long ${is.wrong === 'version' ? 1 : 0},${is.flags}`);
        data.push(`.quad ${l(start)}, ${l(end)}-${l(start)}, ${l(abort)}`);
      };
      descriptor('cs', 'start', 'end', is.wrong === 'inside' ? 'start' : 'abort');
      descriptor('other', 'retry', 'end', 'abort');
      return { code, away, data };
    });

const between = fc.array(
  fc
    .oneof(
      { weight: 3, arbitrary: quiet },
      { weight: 2, arbitrary: loud },
      { weight: 1, arbitrary: looks },
      { weight: 1, arbitrary: calls },
      { weight: 2, arbitrary: indexed },
      { weight: 1, arbitrary: partial },
    )
    .map((code): Part => ({ code, away: [], data: [] })),
  { maxLength: 3 },
);

/** A task's function: sections and what stands between them. */
const task = (name: string): fc.Arbitrary<Part> =>
  fc
    .tuple(between, section(`${name}0`), between, fc.option(section(`${name}1`), { freq: 2 }), register)
    .map(([before, first, behind, second, result]) => {
      const parts = [...before, first, ...behind, ...(second === null ? [] : [second])];
      return {
        code: [
          `${name}:`,
          'sub sp,sp,#64',
          ...BASES,
          ...parts.flatMap(({ code }) => code),
          `mov x0,${result}`,
          'movz w8,#1',
          'movk w8,#0x5253,lsl #16',
          'svc #0',
          'add sp,sp,#64',
          'ret',
          ...parts.flatMap(({ away }) => away),
        ],
        away: [],
        data: parts.flatMap(({ data }) => data),
      };
    });

const handler = (name: string): fc.Arbitrary<Part> =>
  fc.array(fc.oneof(loud, quiet, looks), { minLength: 1, maxLength: 3 }).map((lines) => ({
    code: [`${name}:`, 'sub sp,sp,#64', ...BASES, ...lines.flat(), 'add sp,sp,#64', 'ret'],
    away: [],
    data: [],
  }));

export const scenarioAArch64: fc.Arbitrary<Scenario> = scenarios({
  head: ['.arch armv8.1-a'],
  setup: call(SYSCALLS.membarrier, 1 << 8),
  holds: (at, value) => [...BASES.slice(2), `ldr x0,[x27,#${at}]`, `cmp x0,#${value}`, 'cset x0,ne'],
  task,
  handler,
});
