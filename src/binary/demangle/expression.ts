import { type Input, Unmangleable } from './input.js';
import { LITERAL_SUFFIX, OPERATORS } from './tables.js';
import { argumentList, type TypeText, text } from './type.js';

/** What expressions need of the rest of the grammar. */
interface Grammar {
  type(): TypeText;
  templateArgs(): TypeText[];
  /** `nameOnly`: without the parameters. */
  encoding(nameOnly: boolean): string;
  unqualified(): string;
  templateParam(): TypeText;
}

const CASTS: Readonly<Record<string, string>> = {
  sc: 'static_cast',
  dc: 'dynamic_cast',
  cc: 'const_cast',
  rc: 'reinterpret_cast',
};

/** Expressions in template arguments and decltype (Itanium C++ ABI, 5.1.6), as far as real names hold them. */
export class Expressions {
  constructor(
    readonly input: Input,
    private readonly grammar: Grammar,
  ) {}

  expression(): string {
    return this.input.bounded(() => this.input.check(this.any()));
  }

  private any(): string {
    const { input, grammar } = this;
    const start = input.peek();
    if (start === 'L') return this.primary();
    if (start === 'T') return text(grammar.templateParam());
    if (start === 'f' && /[pL]/.test(input.peek(1))) return this.functionParameter();
    if (/[0-9]/.test(start)) return this.named(grammar.unqualified());
    const two = input.slice(2);
    if (two in CASTS) return `${CASTS[two]}<${text(grammar.type())}>(${this.expression()})`;
    const row = ROWS[two];
    if (row !== undefined) return row(this, grammar);
    const operator = OPERATORS[two];
    if (operator === undefined) throw new Unmangleable();
    return this.operation(two, operator[0].trim(), operator[1]);
  }

  private operation(code: string, sign: string, operands: number): string {
    if (operands === 1) {
      if ((code === 'pp' || code === 'mm') && !this.input.take('_')) return `(${this.expression()})${sign}`;
      // The address of a member is that of its name (as GNU tools have it).
      const member = code === 'ad' && this.input.looksAt('L_ZN');
      const operand = member ? this.primary(true) : this.expression();
      if (member)
        return /\)( const| volatile| &)*$/.test(operand) ? `${sign}(${operand})` : `${sign}${operand}`;
      return /^(\w|::)+$/.test(operand) && !/^[0-9]/.test(operand)
        ? `${sign}${operand}`
        : `${sign}(${operand})`;
    }
    if (operands === 3) return `(${this.expression()})?(${this.expression()}) : (${this.expression()})`;
    const [a, b] = [this.expression(), this.expression()];
    if (code === 'ix') return `(${a})[${b}]`;
    if (code === 'pt') return `${a}->${b}`;
    const whole = `${bracketed(a)}${sign}${bracketed(b)}`;
    return code === 'gt' || code === 'rs' ? `(${whole})` : whole;
  }

  named(name: string): string {
    if (this.input.peek() !== 'I') return name;
    return name + argumentList(this.grammar.templateArgs());
  }

  list(): string {
    const parts: string[] = [];
    while (!this.input.take('E')) parts.push(this.expression());
    return parts.join(', ');
  }

  private functionParameter(): string {
    const { input } = this;
    input.slice(1);
    if (input.take('pT')) return 'this';
    if (input.take('L')) {
      input.number();
      input.expect('p');
    } else input.expect('p');
    while (/[rVK]/.test(input.peek())) input.slice(1);
    const number = input.number();
    input.expect('_');
    return `{parm#${number === undefined ? 1 : number + 2}}`;
  }

  /** L <type> <value> E, or the name of something external. */
  primary(nameOnly = false): string {
    const { input, grammar } = this;
    input.expect('L');
    if (input.take('_Z') || input.take('Z')) {
      const name = grammar.encoding(nameOnly);
      input.expect('E');
      return name;
    }
    const letter = input.peek();
    const type = text(grammar.type());
    const negative = input.take('n') ? '-' : '';
    const start = input.at;
    while (!input.done && input.peek() !== 'E') input.slice(1);
    const value = input.text.slice(start, input.at);
    input.expect('E');
    if (letter === 'b' && (value === '0' || value === '1')) return value === '1' ? 'true' : 'false';
    if (value === '') return type === 'decltype(nullptr)' ? 'nullptr' : type;
    if (type === 'decltype(nullptr)') return '(decltype(nullptr))0';
    const suffix = type.length > 0 && /^[ijlmxy]$/.test(letter) ? LITERAL_SUFFIX[letter] : undefined;
    if (suffix !== undefined) return `${negative}${value}${suffix}`;
    return /^[fde]$/.test(letter) ? `(${type})[${negative}${value}]` : `(${type})${negative}${value}`;
  }
}

const bracketed = (operand: string): string =>
  /^(\w|::)+$/.test(operand) && !/^[0-9]/.test(operand) ? operand : `(${operand})`;

/** Expressions that are no operator: code -> text. */
const ROWS: Readonly<Record<string, (self: Expressions, grammar: Grammar) => string>> = {
  cl: (self) => `${self.expression()}(${self.list()})`,
  cv: (self, { type }) => {
    const to = text(type());
    return self.input.take('_') ? `(${to})(${self.list()})` : `(${to})(${self.expression()})`;
  },
  tl: (self, { type }) => `${text(type())}{${self.list()}}`,
  il: (self) => `{${self.list()}}`,
  dt: (self) => `${self.expression()}.${self.expression()}`,
  ds: (self) => `${self.expression()}.*${self.expression()}`,
  sr: (self, grammar) => {
    const nested = self.input.take('N');
    const levels = /[0-9]/.test(self.input.peek()) ? [] : [text(grammar.type())];
    // Without a type in front, names alone lead to it, and an E ends them.
    if (nested || levels.length === 0)
      while (!self.input.take('E')) levels.push(self.named(grammar.unqualified()));
    return self.named(`${levels.join('::')}::${grammar.unqualified()}`);
  },
  st: (_, { type }) => `sizeof (${text(type())})`,
  sz: (self) => `sizeof (${self.expression()})`,
  at: (_, { type }) => `alignof (${text(type())})`,
  az: (self) => `alignof (${self.expression()})`,
  ti: (_, { type }) => `typeid (${text(type())})`,
  te: (self) => `typeid (${self.expression()})`,
  nx: (self) => `noexcept (${self.expression()})`,
  sp: (self) => `${self.expression()}...`,
  sZ: (self, grammar) => {
    const pack = self.input.peek() === 'T' ? grammar.templateParam() : undefined;
    return pack?.pack !== undefined
      ? `${pack.pack.length}`
      : `sizeof...(${pack === undefined ? self.expression() : text(pack)})`;
  },
  on: (self, { unqualified }) => self.named(unqualified()),
  gs: (self) => `::${self.expression()}`,
  tw: (self) => `throw ${self.expression()}`,
  tr: () => 'throw',
};
