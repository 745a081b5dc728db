import type { Trap } from '../isa/meaning.js';
import type { FunctionType, ImportedFunction } from './wasm/module.js';

/** Translated code returns 0 (rip is set), else 1 + the trap's number here. */
export const TRAPS: readonly Trap[] = [
  'system-call',
  'undefined',
  'breakpoint',
  'divide',
  'halt',
  'overflow',
  'general-protection',
  'float',
  'unsupported',
  'brk',
  'alignment',
];

export const CODE_TYPE: FunctionType = { parameters: [], results: ['i32'] };

/** What translated code calls: accesses that the fast path does not take, and helpers, by their index in the imports. */
export const IMPORTS: readonly ImportedFunction[] = [
  { name: 'load', parameters: ['i64', 'i32'], results: ['i64'] },
  { name: 'store', parameters: ['i64', 'i64', 'i32'], results: [] },
  { name: 'helper', parameters: ['i32', 'i64'], results: ['i32'] },
  { name: 'store128', parameters: ['i64', 'i64', 'i64'], results: [] },
  { name: 'float', parameters: ['i32', 'i64', 'i64'], results: ['i64'] },
  { name: 'floatTrap', parameters: [], results: [] },
  { name: 'x87', parameters: ['i32', 'i64', 'i64'], results: ['i32'] },
];
export const IMPORT = {
  load: 0,
  store: 1,
  helper: 2,
  store128: 3,
  float: 4,
  floatTrap: 5,
  x87: 6,
} as const;

/** Helpers by number: they see all of a task's state, and its memory. */
export const HELPERS = [
  'div',
  'idiv',
  'cpuid',
  'rdtsc',
  'rdtscp',
  'ldmxcsr',
  'fxsave',
  'fxrstor',
  'fnstenv',
  'fldenv',
  'fnsave',
  'frstor',
  'xsave',
  'xsavec',
  'xrstor',
  'crc32',
  'counter',
  'vector',
] as const;
export type Helper = (typeof HELPERS)[number];
/** The number of a name that translated code calls; throws where a meaning names what nobody does. */
export function numberOf(names: readonly string[], name: string): number {
  const number = names.indexOf(name);
  if (number === -1) throw new Error(`nobody does ${name}`);
  return number;
}
