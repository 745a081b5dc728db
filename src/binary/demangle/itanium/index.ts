import { Cursor, malformed, type Rules } from './cursor.js';
import { encoding, mangledName } from './encoding.js';
import { expression, primary } from './expressions.js';
import { Printer } from './print.js';
import { templateArguments, templateHead } from './template.js';
import { decltype, templateParameter, type, typesUntil } from './types.js';

const RULES: Rules = {
  encoding,
  expression,
  primary,
  templateArguments,
  templateHead,
  type,
  typesUntil,
  templateParameter,
  decltype,
};

/**
 * The text of an Itanium C++ ABI name, as `c++filt -i` has it; with `expand` as `c++filt` has it, which writes
 * std::string in full. Throws on a name that does not follow the grammar.
 */
export function demangleItanium(name: string, expand = false): string {
  const global = /^_GLOBAL_[._$]([DI])_/.exec(name);
  if (global !== null) {
    // GCC's functions that run the constructors of one file, named after something in it.
    const what = global[1] === 'I' ? 'constructors' : 'destructors';
    const key = name.slice(global[0].length);
    return `global ${what} keyed to ${key.startsWith('_Z') ? demangleItanium(key, expand) : key}`;
  }
  const cursor = new Cursor(name, expand, RULES);
  const node = mangledName(cursor);
  const rest = name.slice(cursor.at);
  // A symbol version stays as it is.
  if (rest !== '' && !rest.startsWith('@')) malformed();
  return new Printer().text(node) + rest;
}
