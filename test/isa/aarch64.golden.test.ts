import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Addr } from '../../src/abi/address.js';
import { aarch64 } from '../../src/isa/aarch64/decoder.js';
import type { Instruction } from '../../src/isa/instruction.js';
import { fixture } from './notation.js';

/** test/fixtures/isa/golden.py tells where the words come from, and the format. */
interface Word {
  readonly word: string;
  readonly undefinedInLlvm: boolean;
  readonly text: string;
  readonly decoded: Instruction;
}

const BASE = 0x40000000;

function readGolden(): { words: Word[]; real: number } {
  const [first, ...lines] = gunzipSync(readFileSync(fixture('aarch64-golden.txt.gz')))
    .toString('latin1')
    .split('\n');
  const words = lines.map((line, n) => {
    const [, word, u, text] = /^([0-9a-f]{8})(u?) (.*)$/.exec(line)!;
    const value = Number.parseInt(word!, 16);
    const bytes = Uint8Array.from([value, value >>> 8, value >>> 16, value >>> 24]);
    const decoded = aarch64.decode(bytes, (BASE + 4 * n) as Addr);
    return { word: word!, undefinedInLlvm: u === 'u', text: text!, decoded };
  });
  return { words, real: Number(first!.split(' ')[1]) };
}

const { words, real } = readGolden();
const known = words.filter(({ decoded }) => decoded.flow !== 'unknown');

describe('aarch64 against llvm-objdump and GNU objdump', () => {
  test('the fixture has not shrunk', () => {
    expect(real).toBeGreaterThanOrEqual(20_000);
    expect(words.length).toBeGreaterThanOrEqual(2 * real - 1000);
  });

  test('what LLVM or GNU objdump call undefined is unknown here', () => {
    const guessed = known.filter(({ undefinedInLlvm, text }) => undefinedInLlvm || text === '');
    expect(guessed.map(({ word, decoded }) => `${word} ${decoded.text}`)).toEqual([]);
  });

  test('only what both call undefined, or no processor defines yet, is called reserved', () => {
    const wrong = words.filter(
      ({ decoded, undefinedInLlvm }) => decoded.traits.has('reserved') && !undefinedInLlvm,
    );
    expect(wrong.map(({ word, text }) => `${word} ${text}`)).toEqual([]);
  });

  test('every word of real code that is no SVE is decoded, but for one in ten thousand', () => {
    const missing = words
      .slice(0, real)
      .filter(({ decoded, text }) => decoded.flow === 'unknown' && !isScalable(text));
    expect(missing.length).toBeLessThan(real / 10_000);
  });

  test('the text is that of GNU objdump', () => {
    // System registers and operations by names that only kernels use are written by number.
    const differing = known.filter(({ decoded, text }) => decoded.text !== text && !isNumbered(decoded.text));
    expect(differing.map(({ word, text, decoded }) => `${word} ${text} | ${decoded.text}`)).toEqual([]);
  });

  test('targets of branches are those of objdump', () => {
    const branches = known.filter(({ text }) => /^(b|bl|b\.\w+|bc\.\w+|cbn?z|tbn?z) /.test(text));
    expect(branches.length).toBeGreaterThan(5_000);
    const wrong = branches.filter(({ text, decoded }) => {
      const shown = BigInt(/0x[0-9a-f]+$/.exec(text)![0]);
      return BigInt(decoded.target ?? -1) !== BigInt.asIntN(64, shown);
    });
    expect(wrong.map(({ word, text, decoded }) => `${word} ${text} ${decoded.target}`)).toEqual([]);
  });

  test('flows that are not `next` are those of branches and exceptions', () => {
    const control =
      /^(b|bl|br|blr|ret|b\.\w+|bc\.\w+|cbn?z|tbn?z|bl?ra[ab]z?|reta[ab]|ereta?[ab]?|drps|svc|hvc|smc|brk|hlt|dcps\d|udf)\b/;
    const wrong = known.filter(({ text, decoded }) => (decoded.flow !== 'next') !== control.test(text));
    expect(wrong.map(({ word, text, decoded }) => `${word} ${text} ${decoded.flow}`)).toEqual([]);
  });

  test('the registers that an instruction names are the ones it reads or writes', () => {
    const wrong = known.flatMap(({ word, decoded, text }) => {
      const named = registersIn(text) | implied(text);
      const used = (decoded.reads | decoded.writes) & ~FLAGS_BIT;
      return named === used
        ? []
        : [`${word} ${text}: ${names(used & ~named)} too much, ${names(named & ~used)} missing`];
    });
    expect(wrong).toEqual([]);
  });

  test('memory is touched by loads, stores and the like, at the registers in brackets', () => {
    const wrong = known.filter(({ text, decoded }) => {
      const touches =
        /\[(x|sp)/.test(text) && !/^(prfum|prfm|ldg|stg|st2g|fmov|mov) /.test(text.split(',')[0]!);
      return (
        decoded.memory.length > 0 !==
        (touches || /^ldr(sw)? \w+, 0x/.test(text) || /^dc (zva|gva|gzva)/.test(text))
      );
    });
    expect(wrong.map(({ word, text, decoded }) => `${word} ${text} ${decoded.memory.length}`)).toEqual([]);
  });
});

const FLAGS_BIT = 1n << 32n;
const isScalable = (text: string): boolean =>
  /\b[zp]\d+\b|\b(cnt|rdvl|addvl|addpl|inc|dec|while)[bhwd]?/.test(text);
const isNumbered = (text: string): boolean => /\bs\d_\d_c\d+_c\d+_\d\b|^sysl? #/.test(text);

/** Registers in the words of an operand list: x, w, sp; vectors by any of their names. */
function registersIn(text: string): bigint {
  const operands = text
    .slice(text.indexOf(' ') + 1)
    .replace(/\bs\d_\d_c\d+_c\d+_\d\b/g, '')
    // {v1.4s-v3.4s} names v2 too.
    .replace(/v(\d+)\.\w+-v(\d+)/g, (_, from: string, to: string) =>
      Array.from({ length: Number(to) - Number(from) + 1 }, (_, n) => `v${Number(from) + n}`).join(' '),
    );
  let set = 0n;
  for (const [, file, n] of operands.matchAll(/(?<![\w#])([xwvbhsdq])(\d+)\b/g)) {
    set |= 1n << BigInt((file === 'x' || file === 'w' ? 0 : 64) + Number(n));
  }
  return /\bw?sp\b/.test(operands) ? set | (1n << 31n) : set;
}

const bits = (...numbers: number[]): bigint => numbers.reduce((set, n) => set | (1n << BigInt(n)), 0n);
/** Registers that the name of an instruction implies (Arm ARM C6.2, each under its own name). */
const IMPLIED: readonly (readonly [RegExp, bigint])[] = [
  [/^(bl|blr|blra[ab]z?) /, bits(30)],
  [/^ret$/, bits(30)],
  [/^reta[ab]$/, bits(30, 31)],
  [/^(pac|aut)i[ab]sp$/, bits(30, 31)],
  [/^(pac|aut)i[ab]z$/, bits(30)],
  [/^(pac|aut)i[ab]1716$/, bits(16, 17)],
  [/^xpaclri$/, bits(30)],
  [/^svc /, bits(0)],
];
const implied = (text: string): bigint =>
  IMPLIED.reduce((set, [name, registers]) => (name.test(text) ? set | registers : set), 0n);

const names = (set: bigint): string =>
  Array.from({ length: 96 }, (_, n) => n)
    .filter((n) => (set >> BigInt(n)) & 1n)
    .map((n) => aarch64.registerName(n))
    .join(' ');
