import type { Addr } from '../abi/address.js';
import type { KernelRules } from '../abi/kernel-rules.js';
import type { Findings } from '../sections/find.js';
import type { SectionView } from './view.js';

/** error: it goes wrong; warning: it may, or a tool goes wrong; note: worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/** What a rule says; the checker adds section, function and source line. */
export interface Report {
  /** Only where it differs from the rule's own. */
  readonly severity?: Severity;
  /** The guilty instruction, or the descriptor or other data; undefined: the whole file. */
  readonly at: Addr | undefined;
  /** One clause: what is wrong, with the facts. */
  readonly message: string;
  /** Other places that belong to it, in the order control or the reader meets them. */
  readonly related?: readonly { readonly at: Addr; readonly message: string }[];
}

/** What a rule may look at. */
export interface RuleContext {
  readonly findings: Findings;
  readonly kernel: KernelRules;
  /** Addresses in words: `.text+0x14 <function+0x4>`. */
  place(at: Addr): string;
}

/** The same for one section. */
export interface SectionContext extends RuleContext {
  readonly view: SectionView;
}

/**
 * One rule. The texts are the rule's page in docs/rules, the help in SARIF and what --explain prints: they are
 * written here and nowhere else.
 */
export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** One line. */
  readonly summary: string;
  /** What happens at run time, and why. */
  readonly why: string;
  /** Which kernels do what. */
  readonly kernels: string;
  /** How to mend it. */
  readonly mend: string;
  /** Judges one section; not called for sections whose code is not decoded, unless `descriptorOnly`. */
  readonly section?: (context: SectionContext) => Iterable<Report>;
  /** Needs no code: runs for every architecture. */
  readonly descriptorOnly?: boolean;
  /** Judges the whole file once. */
  readonly file?: (context: RuleContext) => Iterable<Report>;
}
