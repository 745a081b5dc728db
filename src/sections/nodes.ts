import type { Addr } from '../abi/address.js';
import type { RegisterId } from '../isa/instruction.js';

/**
 * Symbolic values of registers and memory. Every value is a linear form: a sum of atoms with whole
 * factors, plus a constant. That is enough to see that two operands are the same place, that an address is a
 * field of struct rseq, or that an index was made from a CPU number; all else is an opaque atom that remembers what
 * it was made from.
 *
 * Legend of Atom kinds:
 *   thread-pointer   the base of the thread's TLS
 *   entry            a register's value when the function was entered (or a block whose way in is unknown)
 *   load             what an instruction read from memory; `stable` ones (a constant, such as a GOT slot or __rseq_offset) are
 *                    the same value wherever they are read
 *   import           the address of a symbol that another file defines
 *   call             what a call returned
 *   join             a value that differs by the way taken to a block
 *   opaque           made by an instruction whose result is not computed here
 */
export type Atom =
  | { readonly id: number; readonly kind: 'thread-pointer' }
  | { readonly id: number; readonly kind: 'entry'; readonly register: RegisterId; readonly at: Addr }
  | {
      readonly id: number;
      readonly kind: 'load';
      readonly address: Linear;
      readonly size: number;
      readonly at: Addr;
      readonly stable: boolean;
    }
  | { readonly id: number; readonly kind: 'import'; readonly name: string }
  | {
      readonly id: number;
      readonly kind: 'call';
      readonly at: Addr;
      readonly callee: string | undefined;
      readonly register: RegisterId;
    }
  | {
      readonly id: number;
      readonly kind: 'join';
      readonly at: Addr;
      readonly place: string;
      readonly inputs: Set<Linear>;
    }
  | {
      readonly id: number;
      readonly kind: 'opaque';
      readonly at: Addr;
      readonly what: string;
      readonly from: readonly Linear[];
    };

/** `constant + sum(factor * atom)`; terms ascend by atom id. Interned: equal forms are the same object. */
export interface Linear {
  readonly key: string;
  readonly terms: readonly { readonly atom: Atom; readonly factor: number }[];
  readonly constant: number;
}

type NewAtom = Atom extends infer A ? (A extends Atom ? Omit<A, 'id'> : never) : never;

/** Makes and interns values for one analysis. */
export class Values {
  private readonly linears = new Map<string, Linear>();
  private readonly atoms = new Map<string, Atom>();

  constant(value: number): Linear {
    return this.intern([], value);
  }

  threadPointer(): Linear {
    return this.ofAtom('tp', { kind: 'thread-pointer' });
  }

  entry(register: RegisterId, at: Addr): Linear {
    return this.ofAtom(`e${at}:${register}`, { kind: 'entry', register, at });
  }

  import(name: string): Linear {
    return this.ofAtom(`i${name}`, { kind: 'import', name });
  }

  load(address: Linear, size: number, at: Addr, stable: boolean): Linear {
    const key = stable ? `ls${address.key}:${size}` : `l${at}:${address.key}:${size}`;
    return this.ofAtom(key, { kind: 'load', address, size, at, stable });
  }

  call(at: Addr, callee: string | undefined, register: RegisterId): Linear {
    return this.ofAtom(`c${at}:${register}`, { kind: 'call', at, callee, register });
  }

  opaque(at: Addr, what: string, from: readonly Linear[]): Linear {
    return this.ofAtom(`o${at}:${what}:${from.map((value) => value.key).join('|')}`, {
      kind: 'opaque',
      at,
      what,
      from,
    });
  }

  /** The value of `place` (a register, a stack slot) at a block with several ways in; remembers all that arrive. */
  join(at: Addr, place: string, inputs: readonly Linear[]): Linear {
    const key = `j${at}:${place}`;
    const joined = this.ofAtom(key, { kind: 'join', at, place, inputs: new Set() });
    const atom = this.atoms.get(key);
    if (atom?.kind === 'join') for (const input of inputs) if (input !== joined) atom.inputs.add(input);
    return joined;
  }

  isJoin(value: Linear, at: Addr, place: string): boolean {
    return value.key === this.join(at, place, []).key;
  }

  add(a: Linear, b: Linear): Linear {
    return this.combine(a, b, 1);
  }

  sub(a: Linear, b: Linear): Linear {
    return this.combine(a, b, -1);
  }

  scale(a: Linear, factor: number): Linear {
    if (factor === 1) return a;
    const terms = a.terms.map(({ atom, factor: f }) => ({ atom, factor: f * factor }));
    return this.intern(factor === 0 ? [] : terms, a.constant * factor);
  }

  private combine(a: Linear, b: Linear, sign: 1 | -1): Linear {
    if (b.terms.length === 0) return this.intern(a.terms, a.constant + sign * b.constant);
    const factors = new Map<Atom, number>(a.terms.map(({ atom, factor }) => [atom, factor]));
    for (const { atom, factor } of b.terms) factors.set(atom, (factors.get(atom) ?? 0) + sign * factor);
    const terms = [...factors]
      .filter(([, factor]) => factor !== 0)
      .map(([atom, factor]) => ({ atom, factor }))
      .sort((x, y) => x.atom.id - y.atom.id);
    return this.intern(terms, a.constant + sign * b.constant);
  }

  private intern(terms: Linear['terms'], constant: number): Linear {
    const key = `${terms.map(({ atom, factor }) => `${factor}*${atom.id}`).join('+')}+${constant}`;
    const known = this.linears.get(key);
    if (known !== undefined) return known;
    const made: Linear = { key, terms, constant };
    this.linears.set(key, made);
    return made;
  }

  private ofAtom(key: string, atom: NewAtom): Linear {
    let known = this.atoms.get(key);
    if (known === undefined) {
      known = { ...atom, id: this.atoms.size } as Atom;
      this.atoms.set(key, known);
    }
    return this.intern([{ atom: known, factor: 1 }], 0);
  }
}

/** The value where it is a plain number or address. */
export const constantOf = (value: Linear): number | undefined =>
  value.terms.length === 0 ? value.constant : undefined;

/** Every atom a value was made from, through loads' addresses, joins and opaque results. */
export function* ancestors(value: Linear, seen = new Set<Atom>()): Generator<Atom> {
  const pending: Linear[] = [value];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { atom } of next.terms) {
      if (seen.has(atom)) continue;
      seen.add(atom);
      yield atom;
      if (atom.kind === 'load') pending.push(atom.address);
      else if (atom.kind === 'join') pending.push(...atom.inputs);
      else if (atom.kind === 'opaque') pending.push(...atom.from);
    }
  }
}
