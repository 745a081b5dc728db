import { Expressions } from './expression.js';
import { Input, Unmangleable } from './input.js';
import {
  BUILTIN,
  BUILTIN_D,
  OPERATORS,
  SPECIAL_NAME,
  SPECIAL_TYPE,
  STANDARD,
  STANDARD_FULL,
} from './tables.js';
import { argumentList, packOf, plain, pointerTo, qualified, type TypeText, text } from './type.js';

/** A name as it was written, and what matters for the function type behind it. */
interface Name {
  readonly text: string;
  /** It ends in template arguments: the return type is part of the mangled name. */
  readonly template: boolean;
  /** A constructor, destructor or conversion: no return type even so. */
  readonly special: boolean;
  /** const, &, ... of a member function. */
  readonly qualifiers: string;
}

/** One component of a name. */
interface Component {
  readonly text: string;
  readonly special?: boolean;
  /** Without ABI tags: what constructors are named after. */
  readonly bare?: string;
}

/**
 * A C++ name by the grammar of the Itanium C++ ABI, 5.1 "External Names", in the words of GNU tools (`nm -C`). Throws
 * Unmangleable where it is none.
 */
export function demangleItanium(mangled: string): string {
  const name = new Demangler(new Input(mangled)).mangledName();
  return name;
}

/** Suffixes that compilers give to clones of a function: .cold, .part.0, .constprop.1.isra.2. */
const CLONE = /^\.[a-zA-Z_]\w*(\.\d+)*|^\.\d+/;

class Demangler {
  private readonly substitutions: TypeText[] = [];
  private templateArguments: TypeText[] = [];
  private inLambda = false;
  private readonly expressions: Expressions;

  constructor(private readonly input: Input) {
    this.expressions = new Expressions(input, {
      type: () => this.type(),
      templateArgs: () => this.templateArgs(false),
      encoding: (nameOnly) => this.encoding(false, nameOnly),
      unqualified: () => this.unqualified(undefined).text,
      templateParam: () => this.templateParam(),
    });
  }

  mangledName(): string {
    if (!this.input.take('_Z') && !this.input.take('__Z')) throw new Unmangleable();
    let result = this.encoding(true);
    for (let clone = CLONE.exec(this.rest()); clone !== null; clone = CLONE.exec(this.rest())) {
      this.input.slice(clone[0].length);
      result += ` [clone ${clone[0]}]`;
    }
    if (!this.input.done) throw new Unmangleable();
    return this.input.check(result);
  }

  private rest(): string {
    return this.input.text.slice(this.input.at);
  }

  private encoding(top = false, nameOnly = false): string {
    return this.input.bounded(() => {
      const special = this.specialName();
      if (special !== undefined) return special;
      const outer = this.templateArguments;
      const name = this.name(true);
      const end = this.input.peek();
      let result = name.text;
      if (end !== '' && end !== 'E' && end !== '.') {
        const returned = name.template && !name.special ? this.type() : undefined;
        const parameters = this.parameters();
        const whole = !nameOnly || name.template;
        if (whole) result = `${name.text}(${parameters})${name.qualifiers}`;
        // The return type of a function that something local belongs to is not printed.
        if (returned !== undefined && (top || nameOnly || this.input.peek() !== 'E'))
          result = `${returned.left}${returned.kind === 'plain' && /[*&(]$/.test(returned.left) && returned.right !== '' ? '' : ' '}${result}${returned.right}`;
      }
      if (!top) this.templateArguments = outer;
      return this.input.check(result);
    });
  }

  private specialName(): string | undefined {
    const { input } = this;
    const two = input.peek() + input.peek(1);
    if (two in SPECIAL_TYPE) {
      input.slice(2);
      return SPECIAL_TYPE[two]! + text(this.type());
    }
    if (two in SPECIAL_NAME) {
      input.slice(2);
      const name = this.name(false).text;
      if (two === 'GR') {
        input.number();
        input.expect('_');
      }
      return SPECIAL_NAME[two]! + name;
    }
    if (two === 'TC') {
      input.slice(2);
      const derived = text(this.type());
      input.number();
      input.expect('_');
      return `construction vtable for ${text(this.type())}-in-${derived}`;
    }
    if (two === 'GT') {
      input.slice(2);
      const kind = input.next();
      return `${kind === 'n' ? 'non-transaction' : 'transaction'} clone for ${this.encoding()}`;
    }
    if (two === 'TA') {
      input.slice(2);
      return `template parameter object for ${this.templateArg()}`;
    }
    if (two === 'Th' || two === 'Tv') {
      input.slice(1);
      this.callOffset();
      return `${two === 'Th' ? 'non-virtual' : 'virtual'} thunk to ${this.encoding()}`;
    }
    if (two === 'Tc') {
      input.slice(2);
      this.callOffset();
      this.callOffset();
      return `covariant return thunk to ${this.encoding()}`;
    }
    return undefined;
  }

  private callOffset(): void {
    const { input } = this;
    const kind = input.next();
    for (let n = kind === 'v' ? 2 : kind === 'h' ? 1 : 0; n > 0; n--) {
      input.take('n');
      if (input.number() === undefined) throw new Unmangleable();
      input.expect('_');
    }
  }

  /** Parameter types up to the end, as text between parentheses. */
  private parameters(): string {
    const types: string[] = [];
    while (!this.input.done && !/[E.]/.test(this.input.peek())) {
      if (/[RO]E/.test(this.input.peek() + this.input.peek(1))) break;
      const type = this.type();
      if (type.pack === undefined || type.pack.length > 0) types.push(text(type));
    }
    return types.length === 1 && types[0] === 'void' ? '' : types.join(', ');
  }

  private name(tag: boolean): Name {
    return this.input.bounded(() => {
      const { input } = this;
      if (input.peek() === 'N') return this.nestedName(tag);
      if (input.peek() === 'Z') return this.localName(tag);
      let base: Component;
      if (input.peek() === 'S' && input.peek(1) !== 't') {
        base = { text: text(this.substitution()) };
        if (input.peek() !== 'I') throw new Unmangleable();
      } else {
        base = this.unscoped();
        if (input.peek() === 'I') this.substitutions.push(plain(base.text));
      }
      const template = input.peek() === 'I';
      const whole = template ? this.withArguments(base.text, tag) : base.text;
      return { text: input.check(whole), template, special: base.special === true, qualifiers: '' };
    });
  }

  private unscoped(): Component {
    if (!this.input.take('St')) return this.unqualified(undefined);
    const component = this.unqualified(undefined);
    return { ...component, text: `std::${component.text}` };
  }

  private nestedName(tag: boolean): Name {
    const { input } = this;
    input.expect('N');
    const explicit = input.take('H');
    const qualifiers = this.cvQualifiers() + (input.take('R') ? ' &' : input.take('O') ? ' &&' : '');
    let whole: string | undefined;
    let last = '';
    let template = false;
    let special = false;
    const grow = (component: Component): void => {
      whole = input.check(whole === undefined ? component.text : `${whole}::${component.text}`);
      last = component.bare ?? component.text;
      template = false;
      special = component.special === true;
    };
    while (!input.take('E')) {
      const start = input.peek();
      if (start === 'I') {
        if (whole === undefined) throw new Unmangleable();
        whole = this.withArguments(whole, tag);
        template = true;
      } else if (start === 'S' && input.peek(1) !== 't') {
        const ahead = input.peek(1);
        const full = STANDARD_FULL[ahead];
        const known = this.substitution();
        const usesFull = full !== undefined && /[CD]/.test(input.peek());
        whole = usesFull ? full : text(known);
        last =
          ahead in STANDARD_FULL
            ? ` basic_${{ s: 'string', i: 'istream', o: 'ostream', d: 'iostream' }[ahead]}`.trim()
            : lastOf(whole);
        continue;
      } else if (start === 'S') {
        input.slice(2);
        whole = 'std';
        last = 'std';
        continue;
      } else if (start === 'T') {
        grow({ text: text(this.templateParam()) });
      } else if (start === 'D' && /[tT]/.test(input.peek(1))) {
        grow({ text: text(this.type()) });
        continue;
      } else if (start === 'M') {
        input.slice(1);
        continue;
      } else grow(this.unqualified(last));
      if (input.peek() !== 'E') this.substitutions.push(plain(whole!));
    }
    if (whole === undefined) throw new Unmangleable();
    return { text: whole, template, special: special || explicit, qualifiers };
  }

  private localName(tag: boolean): Name {
    const { input } = this;
    input.expect('Z');
    const outer = this.templateArguments;
    const scope = this.encoding();
    input.expect('E');
    if (!tag) this.templateArguments = outer;
    if (input.take('s')) {
      this.discriminator();
      return { text: `${scope}::string literal`, template: false, special: false, qualifiers: '' };
    }
    let between = '';
    if (input.take('d')) {
      const number = input.number();
      input.expect('_');
      between = `{default arg#${(number ?? -1) + 2}}::`;
    }
    const entity = this.name(tag);
    this.discriminator();
    return { ...entity, text: input.check(`${scope}::${between}${entity.text}`) };
  }

  private discriminator(): void {
    const { input } = this;
    if (input.looksAt('__')) {
      input.slice(2);
      input.number();
      input.expect('_');
    } else if (input.peek() === '_' && /[0-9]/.test(input.peek(1))) input.slice(2);
  }

  /** One component: source name, operator, constructor, lambda, ... `last` is the class a constructor is named after. */
  private unqualified(last: string | undefined): Component {
    return this.input.bounded(() => {
      const component = this.component(last);
      let { text: whole } = component;
      while (this.input.take('B')) whole += `[abi:${this.sourceName()}]`;
      return { ...component, text: whole, bare: component.text };
    });
  }

  private component(last: string | undefined): Component {
    const { input } = this;
    input.take('L');
    const start = input.peek();
    if (/[0-9]/.test(start)) return { text: this.sourceName() };
    if (start === 'C' && last !== undefined) {
      input.slice(1);
      if (input.take('I')) {
        input.slice(1);
        this.type();
      } else input.slice(1);
      return { text: withoutArguments(last), special: true };
    }
    if (start === 'D' && input.peek(1) === 'C') {
      input.slice(2);
      const names: string[] = [];
      while (!input.take('E')) names.push(this.sourceName());
      return { text: `[${names.join(', ')}]` };
    }
    if (start === 'D' && last !== undefined) {
      input.slice(2);
      return { text: `~${withoutArguments(last)}`, special: true };
    }
    if (start === 'U') return { text: this.unnamed() };
    return this.operator();
  }

  private unnamed(): string {
    const { input } = this;
    input.expect('U');
    const kind = input.next();
    if (kind === 'l') {
      const outside = this.inLambda;
      this.inLambda = true;
      const parameters = this.parameters();
      this.inLambda = outside;
      input.expect('E');
      return `{lambda(${parameters})#${this.ordinal()}}`;
    }
    if (kind === 't') return `{unnamed type#${this.ordinal()}}`;
    throw new Unmangleable();
  }

  /** `_` is the first, `0_` the second. */
  private ordinal(): number {
    const number = this.input.number();
    this.input.expect('_');
    return number === undefined ? 1 : number + 2;
  }

  private operator(): Component {
    const { input } = this;
    if (input.take('cv')) return { text: `operator ${text(this.type())}`, special: true };
    if (input.take('li')) return { text: `operator"" ${this.sourceName()}` };
    const two = input.slice(2);
    const known = OPERATORS[two];
    if (known !== undefined) return { text: `operator${known[0]}` };
    if (/^v[0-9]$/.test(two)) return { text: `operator ${this.sourceName()}` };
    throw new Unmangleable();
  }

  private sourceName(): string {
    const length = this.input.number();
    if (length === undefined || length === 0) throw new Unmangleable();
    const name = this.input.slice(length);
    return /^_GLOBAL_[_.$]N/.test(name) ? '(anonymous namespace)' : name;
  }

  /** S_, S0_, ... and the abbreviations of the standard library. */
  private substitution(): TypeText {
    const { input } = this;
    input.expect('S');
    const letter = input.peek();
    const standard = STANDARD[letter];
    if (standard !== undefined) {
      input.slice(1);
      const tags: string[] = [];
      while (input.take('B')) tags.push(`[abi:${this.sourceName()}]`);
      if (tags.length === 0) return plain(standard);
      const tagged = plain(standard + tags.join(''));
      this.substitutions.push(tagged);
      return tagged;
    }
    const digits = /^[0-9A-Z]*_/.exec(this.rest())?.[0];
    if (digits === undefined) throw new Unmangleable();
    input.slice(digits.length);
    const index = digits === '_' ? 0 : Number.parseInt(digits.slice(0, -1), 36) + 1;
    const known = this.substitutions[index];
    if (known === undefined) throw new Unmangleable();
    return known;
  }

  private templateParam(): TypeText {
    const { input } = this;
    input.expect('T');
    const number = input.number();
    input.expect('_');
    const index = number === undefined ? 0 : number + 1;
    if (this.inLambda) return plain(`auto:${index + 1}`);
    const known = this.templateArguments[index];
    if (known === undefined) throw new Unmangleable();
    return known;
  }

  private templateArgs(tag: boolean): TypeText[] {
    return this.input.bounded(() => {
      this.input.expect('I');
      const outer = this.templateArguments;
      const own: TypeText[] = [];
      if (tag) this.templateArguments = own;
      while (!this.input.take('E')) own.push(this.templateArgument());
      if (!tag) this.templateArguments = outer;
      return own;
    });
  }

  private argumentsText(tag: boolean): string {
    return argumentList(this.templateArgs(tag));
  }

  /** A name with its arguments; `operator<` and `<` keep a space between them. */
  private withArguments(name: string, tag: boolean): string {
    return this.input.check(`${name}${name.endsWith('<') ? ' ' : ''}${this.argumentsText(tag)}`);
  }

  private templateArg(): string {
    return text(this.templateArgument());
  }

  private templateArgument(): TypeText {
    const { input } = this;
    if (input.peek() === 'L') return plain(this.expressions.primary());
    if (input.take('X')) {
      const value = this.expressions.expression();
      input.expect('E');
      return plain(value);
    }
    if (input.take('J')) {
      const pack: TypeText[] = [];
      while (!input.take('E')) pack.push(this.templateArgument());
      return packOf(pack);
    }
    return this.type();
  }

  private cvQualifiers(): string {
    const { input } = this;
    const [r, v, k] = [input.take('r'), input.take('V'), input.take('K')];
    return (k ? ' const' : '') + (v ? ' volatile' : '') + (r ? ' __restrict' : '');
  }

  private type(): TypeText {
    return this.input.bounded(() => {
      const { type, known } = this.typeOrKnown();
      this.input.check(type.left + type.right);
      if (!known) this.substitutions.push(type);
      return type;
    });
  }

  /** `known`: a builtin or a substitution, which is none of its own. */
  private typeOrKnown(): { type: TypeText; known: boolean } {
    const { input } = this;
    const start = input.peek();
    const fresh = (type: TypeText) => ({ type, known: false });
    const builtin = BUILTIN[start];
    if (builtin !== undefined) {
      input.slice(1);
      return { type: plain(builtin), known: true };
    }
    switch (start) {
      case 'r':
      case 'V':
      case 'K': {
        const qualifiers = this.cvQualifiers();
        return fresh(qualified(this.type(), qualifiers));
      }
      case 'P':
      case 'R':
      case 'O':
        input.slice(1);
        return fresh(pointerTo(this.type(), { P: '*', R: '&', O: '&&' }[start]));
      case 'C':
      case 'G':
        input.slice(1);
        return fresh(qualified(this.type(), start === 'C' ? ' _Complex' : ' _Imaginary'));
      case 'F':
        return fresh(this.functionType(''));
      case 'A':
        return fresh(this.arrayType());
      case 'M':
        return fresh(this.memberPointer());
      case 'T':
        return this.parameterType();
      case 'D':
        return this.typeOfD();
      case 'u':
        input.slice(1);
        return fresh(plain(this.sourceName()));
      case 'U': {
        if (/[lt]/.test(input.peek(1))) return fresh(plain(this.name(false).text));
        input.slice(1);
        const qualifier = this.sourceName();
        const args = input.peek() === 'I' ? this.argumentsText(false) : '';
        return fresh(qualified(this.type(), ` ${qualifier}${args}`));
      }
      case 'S':
        if (input.peek(1) !== 't') return this.substitutedType();
        return fresh(plain(this.name(false).text));
      default:
        return fresh(plain(this.name(false).text));
    }
  }

  private substitutedType(): { type: TypeText; known: boolean } {
    const type = this.substitution();
    if (this.input.peek() !== 'I') return { type, known: true };
    return { type: plain(text(type) + this.argumentsText(false)), known: false };
  }

  private parameterType(): { type: TypeText; known: boolean } {
    if (/[sue]/.test(this.input.peek(1))) {
      // An elaborated type: Ts struct, Tu union, Te enum.
      this.input.slice(2);
      return { type: plain(this.name(false).text), known: false };
    }
    const type = this.templateParam();
    if (this.input.peek() !== 'I') return { type, known: false };
    this.substitutions.push(type);
    return { type: plain(text(type) + this.argumentsText(false)), known: false };
  }

  private typeOfD(): { type: TypeText; known: boolean } {
    const { input } = this;
    const letter = input.peek(1);
    const fresh = (type: TypeText) => ({ type, known: false });
    if (letter === 'p') {
      input.slice(2);
      const type = this.type();
      return fresh(type.pack === undefined ? plain(`${text(type)}...`) : type);
    }
    if (letter === 't' || letter === 'T') {
      input.slice(2);
      const value = this.expressions.expression();
      input.expect('E');
      return fresh(plain(`decltype (${value})`));
    }
    if (letter === 'v') {
      input.slice(2);
      const size = input.take('_') ? this.expressions.expression() : `${input.number() ?? ''}`;
      input.expect('_');
      return fresh(qualified(this.type(), ` __vector(${size})`));
    }
    if (letter === 'F') {
      input.slice(2);
      const bits = input.number();
      const wider = input.take('x') ? 'x' : '';
      if (wider === '') input.expect('_');
      return { type: plain(`_Float${bits}${wider}`), known: true };
    }
    if (letter === 'B' || letter === 'U') {
      input.slice(2);
      const bits = input.number();
      input.expect('_');
      return { type: plain(`${letter === 'U' ? 'unsigned ' : ''}_BitInt(${bits})`), known: true };
    }
    if (/[oOwx]/.test(letter)) {
      input.slice(2);
      return fresh(this.functionType(letter === 'x' ? ' transaction_safe' : ' noexcept'));
    }
    const builtin = BUILTIN_D[letter];
    if (builtin === undefined) throw new Unmangleable();
    input.slice(2);
    return { type: plain(builtin), known: true };
  }

  private functionType(suffix: string): TypeText {
    const { input } = this;
    input.expect('F');
    input.take('Y');
    const returned = this.type();
    const parameters = this.parameters();
    const reference = input.take('R') ? ' &' : input.take('O') ? ' &&' : '';
    input.expect('E');
    return {
      left: returned.kind === 'plain' ? returned.left : `${returned.left} `,
      right: `(${parameters})${reference}${suffix}${returned.right}`,
      kind: 'function',
    };
  }

  private arrayType(): TypeText {
    const { input } = this;
    input.expect('A');
    let size = '';
    if (/[0-9]/.test(input.peek())) size = `${input.number()}`;
    else if (input.peek() !== '_') size = this.expressions.expression();
    input.expect('_');
    const element = this.type();
    return {
      left: element.left,
      right: `[${size}]${element.kind === 'array' ? element.right : ''}`,
      kind: 'array',
    };
  }

  private memberPointer(): TypeText {
    this.input.expect('M');
    const owner = text(this.type());
    const member = this.type();
    if (member.kind === 'plain') return { ...member, left: `${member.left} ${owner}::*` };
    return pointerTo(member, `${owner}::*`);
  }
}

/** A constructor is named after its class without the arguments; the text may end in some. */
function withoutArguments(name: string): string {
  if (!name.endsWith('>') || name.startsWith('operator')) return name;
  let depth = 0;
  for (let at = name.length - 1; at >= 0; at--) {
    if (name[at] === '>' && name[at - 1] !== '-') depth++;
    else if (name[at] === '<' && --depth === 0) return name.slice(0, at).trimEnd();
  }
  return name;
}

/** The last component of a qualified name. */
function lastOf(name: string): string {
  let depth = 0;
  for (let at = name.length - 1; at > 0; at--) {
    if (/[>)}\]]/.test(name[at]!)) depth++;
    else if (/[<({[]/.test(name[at]!)) depth--;
    else if (depth === 0 && name[at] === ':' && name[at - 1] === ':') return name.slice(at + 1);
  }
  return name;
}
