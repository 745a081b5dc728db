import { Mnemonic } from 'iced-x86';
import { add, and, constant, eq, flag, load, ne, nonZero, register, select, sub } from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { RAX, RCX, RDI, RSI } from '../registers.js';
import type { Draft } from './draft.js';
import { subFlags } from './flags.js';
import type { Row } from './integer.js';

/**
 * String instructions: one round each. With a rep prefix a round with rcx = 0 does nothing, and others are followed by the same
 * instruction again, so that a fault or an interruption finds the registers as of the rounds done (Intel SDM vol. 2, REP).
 */
const string =
  (
    width: Width,
    round: (
      d: Draft,
      width: Width,
      step: Expression,
      whileTrue: (e: Expression) => Expression,
    ) => Expression | undefined,
  ): Row =>
  (d) => {
    const { instruction } = d;
    const repeated = instruction.hasRepPrefix || instruction.hasRepnePrefix;
    if (repeated)
      d.statements.push({
        do: 'branch',
        condition: eq(register(64, RCX), constant(64, 0)),
        target: instruction.nextIP,
      });
    const bytes = width / 8;
    const step = d.let(select(flag('df'), constant(64, -bytes), constant(64, bytes)));
    const goOn = round(d, width, step, (equal) =>
      instruction.hasRepnePrefix ? ne(equal, constant(8, 1)) : equal,
    );
    if (!repeated) return;
    const left = d.let(sub(register(64, RCX), constant(64, 1)));
    d.set(RCX, left);
    d.statements.push({
      do: 'repeat',
      condition: goOn === undefined ? nonZero(left) : and(nonZero(left), goOn),
    });
  };

const advance = (d: Draft, number: number, step: Expression): void =>
  d.set(number, add(register(64, number), step));

/** The source may be in another segment; the destination never is. */
const source = (d: Draft): Expression => d.stringSource(register(64, RSI));

const move = (width: Width): Row =>
  string(width, (d, w, step) => {
    const value = d.let(load(w, source(d)));
    d.store(register(64, RDI), value);
    advance(d, RSI, step);
    advance(d, RDI, step);
    return undefined;
  });

const store = (width: Width): Row =>
  string(width, (d, w, step) => {
    d.store(register(64, RDI), register(w, RAX));
    advance(d, RDI, step);
    return undefined;
  });

const loadString = (width: Width): Row =>
  string(width, (d, w, step) => {
    const value = d.let(load(w, source(d)));
    d.set(RAX, value);
    advance(d, RSI, step);
    return undefined;
  });

const compare = (width: Width): Row =>
  string(width, (d, w, step, whileTrue) => {
    const a = d.let(load(w, source(d)));
    const b = d.let(load(w, register(64, RDI)));
    advance(d, RSI, step);
    advance(d, RDI, step);
    d.flags(subFlags(a, b, d.let(sub(a, b))));
    return whileTrue(eq(a, b));
  });

const scan = (width: Width): Row =>
  string(width, (d, w, step, whileTrue) => {
    const a = d.let(register(w, RAX));
    const b = d.let(load(w, register(64, RDI)));
    advance(d, RDI, step);
    d.flags(subFlags(a, b, d.let(sub(a, b))));
    return whileTrue(eq(a, b));
  });

const widths = (name: string, row: (width: Width) => Row): [Mnemonic, Row][] =>
  (
    [
      ['b', 8],
      ['w', 16],
      ['d', 32],
      ['q', 64],
    ] as const
  ).map(([suffix, width]) => [Mnemonic[`${name}${suffix}` as keyof typeof Mnemonic] as Mnemonic, row(width)]);

export const STRINGS: readonly (readonly [Mnemonic, Row])[] = [
  ...widths('Movs', move),
  ...widths('Stos', store),
  ...widths('Lods', loadString),
  ...widths('Cmps', compare),
  ...widths('Scas', scan),
];
