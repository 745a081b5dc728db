// iced-x86 inside a bundle. As published it is a CommonJS module of 900 kB, half of it objects of constants, that reads its WebAssembly
// with `fs`. Rewritten as an ES module, a bundle keeps only what is used of it, and constants become numbers.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An esbuild plugin; `wasm` tells, from the file of the WebAssembly, the JavaScript that gives its bytes. */
export const bundleIced = (wasm) => ({
  name: 'iced-x86',
  setup(build) {
    build.onLoad({ filter: /iced_x86\.js$/ }, ({ path }) => ({
      contents: asEsModule(readFileSync(path, 'utf8'), wasm(join(dirname(path), 'iced_x86_bg.wasm'))),
      // TypeScript for its enums, which esbuild replaces by their values in other modules too.
      loader: 'ts',
    }));
  },
});

/** Its members are asked for by computed names, so it stays; as an enum it would be filled member by member. */
const LOOKED_UP = 'Mnemonic';

/** Throws where iced-x86 has another form than the one known here. */
function asEsModule(source, bytes) {
  const replaced = [
    [/\/\*\*.*?\*\//gs, ''],
    [
      "imports['__wbindgen_placeholder__'] = module.exports;",
      "imports['__wbindgen_placeholder__'] = called;",
    ],
    ['let imports = {};', 'const imports = {}, called = {};'],
    ['require(`util`)', 'globalThis'],
    [/const path = require\('path'\)[^\n]*\n/, ''],
    [/const bytes = require\('fs'\)[^\n]*\n/, `const bytes = ${bytes};\n`],
    ['module.exports.__wasm = wasm;', ''],
    // Made by the first instruction that somebody reads: most commands need none, or none at once.
    ['let wasm;', 'let made;\nfunction wasm() { return made ?? start(); }'],
    [/\bwasm\./g, 'wasm().'],
    [
      /(const bytes = [^\n]*\n)([\s\S]*)wasm = wasmInstance.exports;/,
      'function start() {\n$1$2return (made = wasmInstance.exports);\n}',
    ],
    [/module\.exports\.(__wb\w+) = /g, 'called.$1 = '],
    [/module\.exports\.(\w+) = Object\.freeze\(\{(.*?)\}\);/gs, (_, name, members) => enumOf(name, members)],
    [/module\.exports\.(\w+) = \1\b;?/g, 'export { $1 };'],
    [/module\.exports\.(\w+) = function/g, 'export const $1 = function'],
  ].reduce((text, [from, to]) => {
    const next = text.replace(from, to);
    if (next === text) throw new Error(`iced-x86 does not have ${from} any more`);
    return next;
  }, source);
  if (/\bmodule\b/.test(replaced)) throw new Error('iced-x86 has exports of an unknown kind');
  return replaced;
}

/** Its constants are objects that lead both ways, from a name to a number and back, as TypeScript's enums do. */
function enumOf(name, members) {
  const numbers = [...members.matchAll(/(?:^|,)\s*([A-Za-z_]\w*):(-?\w+)/g)];
  if (name === LOOKED_UP) return `export const ${name} = {${members}};`;
  return `export enum ${name} { ${numbers.map(([, member, number]) => `${member} = ${number}`).join(', ')} }`;
}
