// Runs the browser bundle as a browser does: a bare context with the globals of the web and none of Node's.
// Usage: node --experimental-vm-modules in-browser.js BUNDLE FILE...; prints what check() gives for each file, as JSON.
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const [bundle, ...files] = process.argv.slice(2);
const web = { TextDecoder, TextEncoder, URL, atob, btoa, performance, queueMicrotask };
const context = vm.createContext({ ...web });
vm.runInContext('globalThis.self = globalThis', context);

const module = new vm.SourceTextModule(readFileSync(bundle, 'utf8'), {
  context,
  identifier: 'https://example.org/rseqlab.js',
  initializeImportMeta: (meta) => {
    meta.url = 'https://example.org/rseqlab.js';
  },
});
await module.link((name) => {
  throw new Error(`the bundle imports ${name}`);
});
await module.evaluate();

context.library = module.namespace;
const results = files.map((file) => {
  context.base64 = readFileSync(file).toString('base64');
  return JSON.parse(
    vm.runInContext(
      'JSON.stringify(library.check(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)), "file"))',
      context,
    ),
  );
});
const strangers = vm.runInContext(
  '["process", "Buffer", "require", "global", "setImmediate"].filter((name) => name in globalThis)',
  context,
);
process.stdout.write(JSON.stringify({ results, strangers, exports: Object.keys(module.namespace) }));
