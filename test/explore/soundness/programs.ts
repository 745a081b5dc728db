import fc from 'fast-check';
import { type Lines, type Part, type Scenario, scenarios } from './scenario-file.js';

/**
 * Random scenarios, as assembly text for `as`: sections right and wrong over a few shared words, private words and registers, and whatever
 * an exploration may take for unnoticed.
 */
const CLEAR = 'movq $0,%fs:72';
const SYSCALLS = { rseq: 334, membarrier: 324, yield: 24, gettid: 186, getcpu: 309, mask: 14 } as const;

const wide = ['rax', 'rcx', 'rsi', 'rdi', 'r8', 'rbx'] as const;
type Register = (typeof wide)[number];
const SIZED: Readonly<Record<Register, readonly [number: string, word: string, byte: string]>> = {
  rax: ['eax', 'ax', 'al'],
  rcx: ['ecx', 'cx', 'cl'],
  rsi: ['esi', 'si', 'sil'],
  rdi: ['edi', 'di', 'dil'],
  r8: ['r8d', 'r8w', 'r8b'],
  rbx: ['ebx', 'bx', 'bl'],
};
const register = fc.constantFrom(...wide);
const sized = (name: Register, size: number): string =>
  `%${size === 8 ? name : SIZED[name][size === 4 ? 0 : size === 2 ? 1 : 2]}`;
/** A shared word, sometimes across two. */
const shared = fc
  .oneof(
    { weight: 8, arbitrary: fc.constantFrom(0, 8, 16) },
    { weight: 2, arbitrary: fc.constantFrom(4, 7, 13, 22) },
  )
  .map((at) => `data+${at}(%rip)`);
/** A private word. */
const own = fc.constantFrom(-8, -16, -24, -12, -200).map((at) => `${at}(%rsp)`);
const size = fc.oneof(
  { weight: 5, arbitrary: fc.constant(8) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 4) },
);
const SUFFIX: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'l', 8: 'q' };
const small = fc.integer({ min: 1, max: 3 });
const CONDITIONS = ['e', 'ne', 'c', 'nc', 's', 'l', 'a', 'o'] as const;
const condition = fc.constantFrom(...CONDITIONS);

const one = (text: fc.Arbitrary<string>): fc.Arbitrary<Lines> => text.map((line) => [line]);

/** Instructions that touch nothing but registers and private memory. */
const quiet: fc.Arbitrary<Lines> = fc.oneof(
  one(fc.tuple(small, register).map(([n, to]) => `add $${n},%${to}`)),
  one(fc.tuple(small, register).map(([n, to]) => `mov $${n},%${SIZED[to][0]}`)),
  one(fc.tuple(register, register).map(([from, to]) => `mov %${from},%${to}`)),
  one(
    fc
      .tuple(register, register, fc.constantFrom('add', 'xor', 'sub', 'and', 'cmp', 'test', 'xchg', 'imul'))
      .map(([a, b, what]) => `${what} %${a},%${b}`),
  ),
  one(fc.tuple(register, fc.constantFrom('inc', 'dec', 'neg', 'not')).map(([to, what]) => `${what} %${to}`)),
  one(fc.tuple(register, fc.constantFrom('adc', 'sbb')).map(([to, what]) => `${what} $0,%${to}`)),
  one(fc.tuple(register, condition).map(([to, when]) => `set${when} %${SIZED[to][2]}`)),
  one(fc.tuple(register, register, condition).map(([from, to, when]) => `cmov${when} %${from},%${to}`)),
  one(fc.tuple(register, own, size).map(([from, at, n]) => `mov ${sized(from, n)},${at}`)),
  one(fc.tuple(register, own, size).map(([to, at, n]) => `mov ${at},${sized(to, n)}`)),
  one(fc.tuple(own, small).map(([at, n]) => `addq $${n},${at}`)),
  one(fc.tuple(register, own).map(([to, at]) => `add ${at},%${to}`)),
  one(register.map((to) => `shl $1,%${to}`)),
  one(fc.constantFrom('clc', 'stc', 'cmc', 'std', 'cld', 'lahf', 'cqo', 'nop')),
  one(register.map((from) => `movq %${from},%xmm0`)),
  one(register.map((to) => `movq %xmm0,%${to}`)),
  one(
    fc.constantFrom(
      'paddq %xmm0,%xmm1',
      'pxor %xmm1,%xmm0',
      'movdqa %xmm0,%xmm1',
      'punpcklqdq %xmm0,%xmm0',
      'movsd %xmm1,%xmm0',
    ),
  ),
  one(register.map((to) => `lea -8(%rsp),%${to}`)),
  fc.tuple(register, register).map(([a, b]) => [`push %${a}`, `pop %${b}`]),
);

/** Instructions that others may notice. */
const loud: fc.Arbitrary<Lines> = fc.oneof(
  one(fc.tuple(register, shared, size).map(([from, at, n]) => `mov ${sized(from, n)},${at}`)),
  one(fc.tuple(register, shared, size).map(([to, at, n]) => `mov ${at},${sized(to, n)}`)),
  one(fc.tuple(register, shared).map(([to, at]) => `mov ${at},%${to}`)),
  one(fc.tuple(small, shared, size).map(([n, at, bytes]) => `add${SUFFIX[bytes]} $${n},${at}`)),
  one(fc.tuple(register, shared).map(([from, at]) => `add %${from},${at}`)),
  one(fc.tuple(register, shared).map(([to, at]) => `add ${at},%${to}`)),
  one(fc.tuple(register, shared, size).map(([from, at, n]) => `cmp ${sized(from, n)},${at}`)),
  one(shared.map((at) => `lock incq ${at}`)),
  one(fc.tuple(register, shared).map(([to, at]) => `xchg %${to},${at}`)),
  one(fc.tuple(register, shared).map(([to, at]) => `lock xadd %${to},${at}`)),
  one(fc.tuple(register, shared).map(([from, at]) => `lock cmpxchg %${from},${at}`)),
  one(shared.map((at) => `movdqu ${at},%xmm0`)),
  one(shared.map((at) => `movdqu %xmm0,${at}`)),
  one(shared.map((at) => `movq ${at},%xmm0`)),
  one(
    fc
      .tuple(shared, shared, fc.integer({ min: 1, max: 3 }))
      .map(([a, b, n]) => `lea ${a},%rsi; lea ${b},%rdi; mov $${n},%ecx; rep movsb`),
  ).map(([line]) => line!.split('; ')),
);

/** An element of an array by the number of the CPU, or of mm_cid; elements stand close together or far apart. */
const indexed: fc.Arbitrary<Lines> = fc
  .record({
    number: fc.constantFrom(64, 68, 68, 88),
    shift: fc.constantFrom(0, 1, 2),
    what: fc.oneof(
      fc.constantFrom('incq @', 'lock incq @', 'movq $7,@'),
      register.map((to) => `mov @,%${to}`),
      register.map((from) => `mov %${from},@`),
      register.map((from) => `lock cmpxchg %${from},@`),
    ),
  })
  .map(({ number, shift, what }) => [
    `mov %fs:${number},%r9d`,
    ...(shift === 0 ? [] : [`shl $${shift},%r9d`]),
    'lea data+32(%rip),%r10',
    what.replace('@', '(%r10,%r9,8)'),
  ]);

/** What tells one CPU from another. */
const partial: fc.Arbitrary<Lines> = fc
  .tuple(
    fc.constantFrom(64, 68, 88),
    fc.constantFrom(0, 1, 2),
    fc.oneof(shared, fc.constant('data+40(%rip)')),
  )
  .map(([number, which, at]) => [`cmpl $${which},%fs:${number}`, 'jne 77f', `incq ${at}`, '77:']);

/** Fields of struct rseq that the kernel writes. */
const looks: fc.Arbitrary<Lines> = one(
  fc.tuple(register, fc.constantFrom(64, 68, 68, 88)).map(([to, at]) => `mov %fs:${at},%${SIZED[to][0]}`),
);

const call = (number: number, first = 0, second = 0): Lines => [
  `mov $${first},%edi`,
  `mov $${second},%esi`,
  'xor %edx,%edx',
  `mov $${number},%eax`,
  'syscall',
];
const FENCE = call(SYSCALLS.membarrier, 1 << 7);
const calls: fc.Arbitrary<Lines> = fc.constantFrom(FENCE, FENCE, call(SYSCALLS.gettid), call(SYSCALLS.yield));

const body = (weights: {
  quiet: number;
  loud: number;
  looks: number;
  indexed?: number;
}): fc.Arbitrary<Lines> =>
  fc.oneof(
    { weight: weights.quiet, arbitrary: quiet },
    { weight: weights.loud, arbitrary: loud },
    { weight: weights.looks, arbitrary: looks },
    { weight: weights.indexed ?? 0, arbitrary: indexed },
    { weight: 1, arbitrary: fc.constantFrom<Lines>([CLEAR]) },
  );

/** A section with all that may be wrong with one. Labels begin with `name`. */
const section = (
  name: string,
): fc.Arbitrary<{ readonly code: Lines; readonly away: Lines; readonly data: Lines }> =>
  fc
    .record({
      arm: fc.oneof(
        { weight: 6, arbitrary: fc.constant('right') },
        { weight: 1, arbitrary: fc.constantFrom('none', 'gap', 'twice', 'late', 'store') },
      ),
      check: fc.constantFrom('none', 'none', 'id', 'cid'),
      body: fc.array(body({ quiet: 6, loud: 4, looks: 1, indexed: 2 }), { minLength: 1, maxLength: 5 }),
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
      const arm = [`lea ${l('cs')}(%rip),%rdx`, 'mov %rdx,%fs:72'];
      const code: string[] = [];
      const data: string[] = [];
      const away: string[] = [];
      code.push('mov $2,%r12d', `${l('retry')}:`);
      const check = is.check === 'none' ? [] : [`mov %fs:${is.check === 'id' ? 68 : 88},%r9d`];
      code.push(...check.map((line) => line.replace(':68', ':64').replace('r9d', 'r10d')));
      if (is.arm === 'right' || is.arm === 'late') code.push(...arm);
      if (is.arm === 'twice') code.push(`lea ${l('other')}(%rip),%rdx`, 'mov %rdx,%fs:72', ...arm);
      if (is.arm === 'gap') code.push(...arm, 'nop');
      if (is.arm === 'store') code.push(`lea ${l('cs')}(%rip),%rdx`, 'mov %edx,%fs:72');
      code.push(`${l('start')}:`);
      if (is.arm === 'late') code.push('nop', ...arm);
      code.push(...check);
      if (check.length > 0) code.push('cmp %r9d,%r10d', `jne ${l('abort')}`);
      for (const [index, lines] of is.body.entries()) {
        code.push(...lines);
        if (is.leave !== null && index === 0)
          code.push(`j${is.leave[0]} ${is.leave[1] ? l('end') : l('behind')}`);
      }
      if (is.commit !== null) code.push(`mov %${is.from},${is.commit}`);
      code.push(`${l('end')}:`);
      if (is.clear) code.push(CLEAR);
      code.push(`${l('behind')}:`);
      away.push(
        '.byte 0x0f,0xb9,0x3d',
        `.long ${is.wrong === 'signature' ? '1' : '0x53053053'}`,
        `${l('abort')}:`,
      );
      away.push(...is.at.flat());
      if (is.abort === 'give up') away.push(`jmp ${l('behind')}`);
      else
        away.push('dec %r12d', `jnz ${is.abort === 'retry' ? l('retry') : l('start')}`, `jmp ${l('behind')}`);
      const descriptor = (label: string, start: string, end: string, abort: string): void => {
        data.push('.balign 32', `${l(label)}:`, `.long ${is.wrong === 'version' ? 1 : 0},${is.flags}`);
        data.push(`.quad ${l(start)}, ${l(end)}-${l(start)}, ${l(abort)}`);
      };
      descriptor('cs', 'start', 'end', is.wrong === 'inside' ? 'start' : 'abort');
      descriptor('other', 'retry', 'end', 'abort');
      return { code, away, data };
    });

const plain = (lines: fc.Arbitrary<Lines>): fc.Arbitrary<Part> =>
  lines.map((code) => ({ code, away: [], data: [] }));

/** A task's function: sections and what stands between them. */
const task = (name: string): fc.Arbitrary<Part> =>
  fc
    .tuple(
      fc.array(
        plain(
          fc.oneof(
            { weight: 3, arbitrary: quiet },
            { weight: 2, arbitrary: loud },
            { weight: 1, arbitrary: looks },
            { weight: 1, arbitrary: calls },
            { weight: 2, arbitrary: indexed },
          ),
        ),
        { maxLength: 3 },
      ),
      section(`${name}0`),
      fc.array(
        plain(
          fc.oneof(
            { weight: 3, arbitrary: quiet },
            { weight: 2, arbitrary: loud },
            { weight: 1, arbitrary: looks },
            { weight: 1, arbitrary: calls },
            { weight: 2, arbitrary: indexed },
            { weight: 1, arbitrary: partial },
          ),
        ),
        { maxLength: 3 },
      ),
      fc.option(section(`${name}1`), { freq: 2 }),
      register,
    )
    .map(([before, first, between, second, result]) => {
      const parts = [...before, first, ...between, ...(second === null ? [] : [second])];
      return {
        code: [
          `${name}:`,
          'push %rbx',
          'push %r12',
          ...parts.flatMap(({ code }) => code),
          ...(result === 'rdi' ? [] : [`mov %${result},%rdi`]),
          'mov $0x52530001,%eax',
          'syscall',
          'pop %r12',
          'pop %rbx',
          'cld',
          'ret',
          ...parts.flatMap(({ away }) => away),
        ],
        away: [],
        data: parts.flatMap(({ data }) => data),
      };
    });

const handler = (name: string): fc.Arbitrary<Part> =>
  fc
    .tuple(fc.array(fc.oneof(loud, quiet, looks), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([lines, saves]) => ({
      code: [
        `${name}:`,
        ...(saves ? ['push %rbx'] : []),
        ...lines.flat(),
        ...(saves ? ['pop %rbx'] : []),
        'ret',
      ],
      away: [],
      data: [],
    }));

export const scenario: fc.Arbitrary<Scenario> = scenarios({
  head: [],
  setup: call(SYSCALLS.membarrier, 1 << 8),
  holds: (at, value) => ['xor %eax,%eax', `cmpq $${value},data+${at}(%rip)`, 'setne %al'],
  task,
  handler,
});
