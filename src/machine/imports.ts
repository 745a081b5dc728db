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
  'system-call-32',
  'general-protection',
  'float',
  'unsupported',
];

export const CODE_TYPE: FunctionType = { parameters: [], results: ['i32'] };

/** What translated code calls: accesses that the fast path does not take, and helpers, by their index in the imports. */
export const IMPORTS: readonly ImportedFunction[] = [
  { name: 'load', parameters: ['i64', 'i32'], results: ['i64'] },
  { name: 'store', parameters: ['i64', 'i64', 'i32'], results: [] },
  { name: 'multiplyHigh', parameters: ['i64', 'i64', 'i32'], results: ['i64'] },
  { name: 'helper', parameters: ['i32', 'i64'], results: ['i32'] },
];
export const IMPORT = { load: 0, store: 1, multiplyHigh: 2, helper: 3 } as const;
export const HELPERS = ['div', 'idiv'] as const;
