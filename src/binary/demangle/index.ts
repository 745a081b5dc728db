import { Unmangleable } from './input.js';
import { demangleItanium } from './itanium/index.js';
import { demangleLegacyRust, demangleRustV0, isLegacyRust } from './rust.js';

/** Longest name that is looked at; longer ones stay as they are. */
const LONGEST = 16_384;

/**
 * The name a programmer wrote, from the one in the symbol table: C++ (Itanium ABI), Rust (legacy and v0). A name that is not
 * mangled, or not by their grammar, stays as it is.
 */
export function demangle(name: string): string {
  if (name.length > LONGEST || !/^(?:_{1,3}[ZR]|_GLOBAL_[._$][DI]_)/.test(name)) return name;
  try {
    if (/^_{1,2}R/.test(name)) return demangleRustV0(name);
    return isLegacyRust(name) ? demangleLegacyRust(name) : demangleItanium(name);
  } catch (error) {
    if (error instanceof Unmangleable) return name;
    throw error;
  }
}
