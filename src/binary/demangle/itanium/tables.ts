/** Tables of the Itanium C++ ABI, chapter 5.1 "External Names (a.k.a. Mangling)". */

/** Builtin types by letter (5.1.5.2): text, and the suffix of their literals (absent: printed as a cast). */
export const BUILTIN: Readonly<Record<string, readonly [text: string, literal?: string]>> = {
  v: ['void'],
  w: ['wchar_t'],
  b: ['bool', 'bool'],
  c: ['char'],
  a: ['signed char'],
  h: ['unsigned char'],
  s: ['short'],
  t: ['unsigned short'],
  i: ['int', ''],
  j: ['unsigned int', 'u'],
  l: ['long', 'l'],
  m: ['unsigned long', 'ul'],
  x: ['long long', 'll'],
  y: ['unsigned long long', 'ull'],
  n: ['__int128'],
  o: ['unsigned __int128'],
  f: ['float', '[]'],
  d: ['double', '[]'],
  e: ['long double', '[]'],
  g: ['__float128', '[]'],
  z: ['...'],
};

/** The same behind a D. */
export const BUILTIN_D: Readonly<Record<string, readonly [text: string, literal?: string]>> = {
  d: ['decimal64'],
  e: ['decimal128'],
  f: ['decimal32'],
  h: ['half', '[]'],
  i: ['char32_t'],
  s: ['char16_t'],
  u: ['char8_t'],
  a: ['auto'],
  c: ['decltype(auto)'],
  n: ['decltype(nullptr)'],
};

/**
 * Operators (5.1.3.1): text, and the number of operands. A blank behind a word separates it from its operand;
 * it is not part of the operator's name.
 */
export const OPERATORS: Readonly<Record<string, readonly [text: string, operands: number]>> = {
  aN: ['&=', 2],
  aS: ['=', 2],
  aa: ['&&', 2],
  ad: ['&', 1],
  an: ['&', 2],
  at: ['alignof ', 1],
  aw: ['co_await ', 1],
  az: ['alignof ', 1],
  cc: ['const_cast', 2],
  cl: ['()', 2],
  cm: [',', 2],
  co: ['~', 1],
  dV: ['/=', 2],
  dX: ['[...]=', 3],
  da: ['delete[] ', 1],
  dc: ['dynamic_cast', 2],
  de: ['*', 1],
  di: ['=', 2],
  dl: ['delete ', 1],
  ds: ['.*', 2],
  dt: ['.', 2],
  dv: ['/', 2],
  dx: [']=', 2],
  eO: ['^=', 2],
  eo: ['^', 2],
  eq: ['==', 2],
  fL: ['...', 3],
  fR: ['...', 3],
  fl: ['...', 2],
  fr: ['...', 2],
  ge: ['>=', 2],
  gs: ['::', 1],
  gt: ['>', 2],
  ix: ['[]', 2],
  lS: ['<<=', 2],
  le: ['<=', 2],
  ls: ['<<', 2],
  lt: ['<', 2],
  mI: ['-=', 2],
  mL: ['*=', 2],
  mi: ['-', 2],
  ml: ['*', 2],
  mm: ['--', 1],
  na: ['new[]', 3],
  ne: ['!=', 2],
  ng: ['-', 1],
  nt: ['!', 1],
  nw: ['new', 3],
  nx: ['noexcept', 1],
  oR: ['|=', 2],
  oo: ['||', 2],
  or: ['|', 2],
  pL: ['+=', 2],
  pl: ['+', 2],
  pm: ['->*', 2],
  pp: ['++', 1],
  ps: ['+', 1],
  pt: ['->', 2],
  qu: ['?', 3],
  rM: ['%=', 2],
  rS: ['>>=', 2],
  rc: ['reinterpret_cast', 2],
  rm: ['%', 2],
  rs: ['>>', 2],
  sP: ['sizeof...', 1],
  sZ: ['sizeof...', 1],
  sc: ['static_cast', 2],
  ss: ['<=>', 2],
  st: ['sizeof ', 1],
  sz: ['sizeof ', 1],
  te: ['typeid ', 1],
  ti: ['typeid ', 1],
  tr: ['throw', 0],
  tw: ['throw ', 1],
};

/** An abbreviation of the standard library: as programmers write it, in full, and the name of its constructors. */
export interface Standard {
  readonly text: string;
  readonly full: string;
  readonly last: string;
}

const standard = (last: string, full: string, text = `std::${last}`): Standard => ({ text, full, last });
const CHARS = 'char, std::char_traits<char>';

/** Abbreviations of the standard library (5.1.8). */
export const STANDARD: Readonly<Record<string, Standard>> = {
  t: { text: 'std', full: 'std', last: '' },
  a: standard('allocator', 'std::allocator'),
  b: standard('basic_string', 'std::basic_string'),
  s: standard('basic_string', `std::basic_string<${CHARS}, std::allocator<char> >`, 'std::string'),
  i: standard('basic_istream', `std::basic_istream<${CHARS} >`, 'std::istream'),
  o: standard('basic_ostream', `std::basic_ostream<${CHARS} >`, 'std::ostream'),
  d: standard('basic_iostream', `std::basic_iostream<${CHARS} >`, 'std::iostream'),
};

/** Special names (5.1.4) of a type: what stands in front of it. */
export const SPECIAL_TYPE: Readonly<Record<string, string>> = {
  TV: 'vtable for ',
  TT: 'VTT for ',
  TI: 'typeinfo for ',
  TS: 'typeinfo name for ',
  TF: 'typeinfo fn for ',
  TJ: 'java Class for ',
};

/** Special names of a name. */
export const SPECIAL_NAME: Readonly<Record<string, string>> = {
  GV: 'guard variable for ',
  TW: 'TLS wrapper function for ',
  TH: 'TLS init function for ',
};

/** Special names of a function or variable with its type. */
export const SPECIAL_ENCODING: Readonly<Record<string, string>> = {
  GA: 'hidden alias for ',
};

export const QUALIFIER: Readonly<Record<string, ' const' | ' volatile' | ' restrict'>> = {
  K: ' const',
  V: ' volatile',
  r: ' restrict',
};
