import { Input, Unmangleable } from './input.js';

/** What stands for characters that an assembler would not take (rustc, compiler/rustc_symbol_mangling/src/legacy.rs). */
const ESCAPES: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
};

/** The legacy form: an Itanium nested name whose last part is a hash, h and 16 hexadecimal digits. */
export const isLegacyRust = (name: string): boolean => /17h[0-9a-f]{16}E(\.[\w.$@]+)?$/.test(name);

export function demangleLegacyRust(name: string): string {
  const input = new Input(name);
  if (!input.take('_ZN') && !input.take('__ZN') && !input.take('ZN')) throw new Unmangleable();
  const parts: string[] = [];
  while (!input.take('E')) {
    const length = input.number();
    if (length === undefined) throw new Unmangleable();
    parts.push(input.slice(length));
  }
  parts.pop();
  return input.check(parts.map(unescaped).join('::'));
}

function unescaped(part: string): string {
  const start = part.startsWith('_$') ? part.slice(1) : part;
  return start
    .replace(/\$(?:u([0-9a-f]+)|([A-Z]+))\$/g, (whole, digits?: string, code?: string) =>
      digits === undefined ? (ESCAPES[code!] ?? whole) : (character(Number.parseInt(digits, 16)) ?? whole),
    )
    .replaceAll('..', '::');
}

const character = (code: number): string | undefined =>
  code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;

/** Basic types of the v0 form (RFC 2603, "Types"). */
const BASIC: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

/** The v0 form: `_R`, RFC 2603 "Rust Symbol Mangling". In the words of rustc-demangle's short form: without crate hashes. */
export function demangleRustV0(name: string): string {
  const input = new Input(name.replace(/\.llvm\.[0-9A-F]+$/, ''));
  if (!input.take('_R') && !input.take('__R')) throw new Unmangleable();
  return new V0(input, input.at).symbol();
}

class V0 {
  private binders = 0;

  constructor(
    private readonly input: Input,
    private readonly origin: number,
  ) {}

  symbol(): string {
    const { input } = this;
    if (/[0-9]/.test(input.peek())) throw new Unmangleable();
    const result = this.path(true);
    // The instantiating crate, which no reader wants to know.
    if (!input.done && /[A-Z]/.test(input.peek())) this.path(false);
    if (!input.done && !/[.$]/.test(input.peek())) throw new Unmangleable();
    return input.check(result);
  }

  private path(value: boolean): string {
    return this.input.bounded(() => this.input.check(this.anyPath(value)));
  }

  private anyPath(value: boolean): string {
    const { input } = this;
    const kind = input.next();
    switch (kind) {
      case 'C':
        this.disambiguator();
        return this.identifier();
      case 'M': {
        this.implPath();
        return `<${this.type()}>`;
      }
      case 'X': {
        this.implPath();
        const type = this.type();
        return `<${type} as ${this.path(false)}>`;
      }
      case 'Y': {
        const type = this.type();
        return `<${type} as ${this.path(false)}>`;
      }
      case 'N':
        return this.nested(value);
      case 'I': {
        const base = this.path(value);
        const args: string[] = [];
        while (!input.take('E')) args.push(this.genericArg());
        return `${base}${value ? '::' : ''}<${args.join(', ')}>`;
      }
      case 'B':
        return this.backreference(() => this.path(value));
      default:
        throw new Unmangleable();
    }
  }

  private implPath(): void {
    this.disambiguator();
    this.path(false);
  }

  private nested(value: boolean): string {
    const space = this.input.next();
    const base = this.path(value);
    const number = this.disambiguator();
    const name = this.identifier();
    if (/[a-z]/.test(space)) return name === '' ? base : `${base}::${name}`;
    const kind = space === 'C' ? 'closure' : space === 'S' ? 'shim' : space;
    return `${base}::{${kind}${name === '' ? '' : `:${name}`}#${number}}`;
  }

  /** `s` and a base-62 number: which of several of the same name, from 0. */
  private disambiguator(): number {
    return this.input.take('s') ? this.base62() + 1 : 0;
  }

  /** `_` is 0, `0_` 1, ... */
  private base62(): number {
    const { input } = this;
    if (input.take('_')) return 0;
    let value = 0;
    while (!input.take('_')) {
      const digit = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(input.next());
      if (digit < 0) throw new Unmangleable();
      value = value * 62 + digit;
    }
    return value + 1;
  }

  private identifier(): string {
    const { input } = this;
    const encoded = input.take('u');
    // A number has no leading zeros: behind an empty identifier the next one may begin.
    const length = input.take('0') ? 0 : input.number();
    if (length === undefined) throw new Unmangleable();
    input.take('_');
    const bytes = input.slice(length);
    return encoded ? punycode(bytes) : bytes;
  }

  private backreference<T>(rule: () => T): T {
    const { input } = this;
    const start = input.at - 1;
    const target = this.origin + this.base62();
    if (target >= start) throw new Unmangleable();
    const back = input.at;
    input.at = target;
    const result = rule();
    input.at = back;
    return result;
  }

  private genericArg(): string {
    const { input } = this;
    if (input.take('L')) return this.lifetime(this.base62());
    if (input.take('K')) return this.constant();
    return this.type();
  }

  private lifetime(index: number): string {
    if (index === 0) return "'_";
    const depth = this.binders - index;
    if (depth < 0) throw new Unmangleable();
    return depth < 26 ? `'${String.fromCharCode(97 + depth)}` : `'_${depth}`;
  }

  /** `G`: how many lifetimes `for<...>` names. */
  private binder<T>(rule: (names: string) => T): T {
    const count = this.input.take('G') ? this.base62() + 1 : 0;
    if (count > 1000) throw new Unmangleable();
    const names: string[] = [];
    for (let n = 0; n < count; n++) {
      this.binders++;
      names.push(this.lifetime(1));
    }
    const result = rule(count > 0 ? `for<${names.join(', ')}> ` : '');
    this.binders -= count;
    return result;
  }

  private type(): string {
    return this.input.bounded(() => this.input.check(this.anyType()));
  }

  private anyType(): string {
    const { input } = this;
    const start = input.peek();
    const basic = BASIC[start];
    if (basic !== undefined) {
      input.slice(1);
      return basic;
    }
    if (/[CMXYNI]/.test(start)) return this.path(false);
    input.slice(1);
    switch (start) {
      case 'A':
        return `[${this.type()}; ${this.constant()}]`;
      case 'S':
        return `[${this.type()}]`;
      case 'T': {
        const parts: string[] = [];
        while (!input.take('E')) parts.push(this.type());
        return `(${parts.join(', ')}${parts.length === 1 ? ',' : ''})`;
      }
      case 'R':
      case 'Q': {
        const named = input.take('L') ? this.base62() : 0;
        const lifetime = named > 0 ? `${this.lifetime(named)} ` : '';
        return `&${lifetime}${start === 'Q' ? 'mut ' : ''}${this.type()}`;
      }
      case 'P':
        return `*const ${this.type()}`;
      case 'O':
        return `*mut ${this.type()}`;
      case 'F':
        return this.binder((names) => names + this.functionType());
      case 'D':
        return this.dynamic();
      case 'B':
        return this.backreference(() => this.type());
      default:
        throw new Unmangleable();
    }
  }

  private functionType(): string {
    const { input } = this;
    const unsafe = input.take('U') ? 'unsafe ' : '';
    const abi = input.take('K')
      ? input.take('C')
        ? 'C'
        : this.identifier().replaceAll('_', '-')
      : undefined;
    const parts: string[] = [];
    while (!input.take('E')) parts.push(this.type());
    const returned = input.take('u') ? '' : ` -> ${this.type()}`;
    return `${unsafe}${abi === undefined ? '' : `extern "${abi}" `}fn(${parts.join(', ')})${returned}`;
  }

  private dynamic(): string {
    const { input } = this;
    const bounds = this.binder((names) => {
      const traits: string[] = [];
      while (!input.take('E')) traits.push(this.dynTrait());
      return names + traits.join(' + ');
    });
    input.expect('L');
    const lifetime = this.base62();
    return `dyn ${bounds}${lifetime > 0 ? ` + ${this.lifetime(lifetime)}` : ''}`;
  }

  private dynTrait(): string {
    const path = this.path(false);
    const bindings: string[] = [];
    while (this.input.take('p')) {
      const name = this.identifier();
      bindings.push(`${name} = ${this.type()}`);
    }
    if (bindings.length === 0) return path;
    return path.endsWith('>')
      ? `${path.slice(0, -1)}, ${bindings.join(', ')}>`
      : `${path}<${bindings.join(', ')}>`;
  }

  private constant(): string {
    const { input } = this;
    return input.bounded(() => {
      if (input.take('B')) return this.backreference(() => this.constant());
      const type = input.next();
      if (type === 'p') return '_';
      const negative = input.take('n') ? '-' : '';
      const digits = /^[0-9a-f]*_/.exec(input.text.slice(input.at))?.[0];
      if (digits === undefined || !/[a-z]/.test(type)) throw new Unmangleable();
      input.slice(digits.length);
      const value = BigInt(`0x${digits === '_' ? '0' : digits.slice(0, -1)}`);
      if (type === 'b') return value === 1n ? 'true' : 'false';
      if (type === 'c') return `'${character(Number(value)) ?? '?'}'`;
      return `${negative}${value}`;
    });
  }
}

/** RFC 3492 with the parameters of the RFC, digits a..z 0..9, and `_` as the delimiter. */
function punycode(encoded: string): string {
  const split = encoded.lastIndexOf('_');
  const output = split > 0 ? [...encoded.slice(0, split)] : [];
  const digits = encoded.slice(split + 1);
  let [code, index, bias] = [128, 0, 72];
  for (let at = 0; at < digits.length; ) {
    const before = index;
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = 'abcdefghijklmnopqrstuvwxyz0123456789'.indexOf(digits[at++] ?? '?');
      if (digit < 0) throw new Unmangleable();
      index += digit * weight;
      const threshold = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
      if (digit < threshold) break;
      weight *= 36 - threshold;
      if (weight > 2 ** 31) throw new Unmangleable();
    }
    const length = output.length + 1;
    let delta = before === 0 ? Math.floor((index - before) / 700) : Math.floor((index - before) / 2);
    delta += Math.floor(delta / length);
    let steps = 0;
    for (; delta > 455; steps += 36) delta = Math.floor(delta / 35);
    bias = steps + Math.floor((36 * delta) / (delta + 38));
    code += Math.floor(index / length);
    index %= length;
    const made = character(code);
    if (made === undefined) throw new Unmangleable();
    output.splice(index++, 0, made);
  }
  return output.join('');
}
