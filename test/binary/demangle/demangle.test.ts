import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demangle } from '../../../src/binary/demangle/index.js';

/** Mangled names of real programs, each with what c++filt says (test/fixtures/demangle/build.sh). */
const GOLDEN = gunzipSync(readFileSync(new URL('../../fixtures/demangle/golden.tsv.gz', import.meta.url)))
  .toString()
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t') as [string, string]);

it('says of real names what c++filt says', () => {
  expect(GOLDEN.length).toBeGreaterThan(4000);
  expect(GOLDEN.filter(([mangled, wanted]) => demangle(mangled) !== wanted)).toEqual([]);
});

it('says of every rule of the grammar what c++filt says', () => {
  const names = readFileSync(new URL('../../fixtures/demangle/tricky.tsv', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t') as [string, string]);
  expect(names.length).toBeGreaterThan(150);
  expect(names.filter(([mangled, wanted]) => demangle(mangled) !== wanted)).toEqual([]);
});

describe('C++', () => {
  it.each([
    ['_Z1fPFvPKcE', 'f(void (*)(char const*))'],
    ['_Z1fRA5_i', 'f(int (&) [5])'],
    ['_Z1fM1AFvvE', 'f(void (A::*)())'],
    ['_ZN1AIiEcvT_IlEEv', 'A<int>::operator long<long>()'],
    ['_GLOBAL__I__Z3foov', 'global constructors keyed to foo()'],
    // What c++filt 2.40 does not know yet.
    ['_Z1fIiEvT_QLb1E', 'void f<int>(int) requires true'],
    ['_Z1fIiEDTnxfp_ES_', 'decltype (noexcept({parm#1})) f<int>(f)'],
    ['_ZN12_GLOBAL__N_11fEv', '(anonymous namespace)::f()'],
    ['_ZZ4mainENKUlvE_clEv', 'main::{lambda()#1}::operator()() const'],
    ['_Z1fIJidEEvDpT_', 'void f<int, double>(int, double)'],
    ['_ZZ1fIiEvT_E1x', 'f<int>(int)::x'],
    ['_ZTv0_n24_N1A1fEv', 'virtual thunk to A::f()'],
    ['_ZN1fEi.part.0.constprop.1', 'f(int) [clone .part.0] [clone .constprop.1]'],
    ['_ZN1A1fB5cxx11Ev', 'A::f[abi:cxx11]()'],
    ['_Z1fIiEDTcl1gfp_EET_', 'decltype (g({parm#1})) f<int>(int)'],
    ['_ZNSsC1Ev', 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()'],
  ])('%s', (mangled, wanted) => expect(demangle(mangled)).toBe(wanted));
});

describe('Rust', () => {
  it.each([
    ['_ZN4core3fmt9Formatter9write_fmt17h0123456789abcdefE', 'core::fmt::Formatter::write_fmt'],
    [
      '_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE',
      "<Test + 'static as foo::Bar<Test>>::bar",
    ],
    ['_RNvC6_123foo3bar', '123foo::bar'],
    ['_RNvNvC7mycrateu8gdel_5qa3bar', 'mycrate::gödel::bar'],
    ['_RINvC7mycrate3fooTlmExE', 'mycrate::foo::<(i32, u32), i64>'],
    ['_RINvC7mycrate3fooKj7b_E', 'mycrate::foo::<123>'],
    ['_RNCNvC7mycrate3foo0B3_', 'mycrate::foo::{closure#0}'],
  ])('%s', (mangled, wanted) => expect(demangle(mangled)).toBe(wanted));
});

it('leaves alone what is not mangled, or not by the grammar', () => {
  for (const name of ['main', '_Z', '_ZN', '_R', 'Z1fv', '_Z1', '_ZN1aE17habc', '_Zzzz', '__libc_start_main'])
    expect(demangle(name)).toBe(name);
});

it('ends on every damaged name, and never with more than it can bear', () => {
  const names = GOLDEN.map(([mangled]) => mangled);
  const damaged = fc
    .tuple(
      fc.constantFrom(...names),
      fc.nat(),
      fc.nat(255),
      fc.constantFrom('replace', 'insert', 'cut', 'double'),
    )
    .map(([name, where, byte, how]) => {
      const at = where % name.length;
      const rest = name.slice(at);
      const letter = String.fromCharCode(byte);
      return {
        replace: name.slice(0, at) + letter + rest.slice(1),
        insert: name.slice(0, at) + letter + rest,
        cut: name.slice(0, at),
        double: name + rest,
      }[how];
    });
  fc.assert(
    fc.property(damaged, (name) => demangle(name).length <= 65_536),
    { numRuns: 20_000, seed: 1 },
  );
});

it('cuts off names that ask for gigabytes', () => {
  // Each substitution doubles the text of the one before.
  const doubling = Array.from(
    { length: 40 },
    (_, n) => `S${n === 0 ? '' : (n - 1).toString(36).toUpperCase()}_`,
  ).map((s) => `1pI${s}${s}E`);
  expect(demangle(`_Z1f1a${doubling.join('')}`).length).toBeLessThan(65_536);
  expect(demangle(`_Z1f${'P'.repeat(15_000)}i`)).toBe(`_Z1f${'P'.repeat(15_000)}i`);
  expect(demangle(`_R${'INvC1a1b'.repeat(1500)}`).length).toBeLessThan(65_536);
});
