// Runs the browser bundle as a browser does: a bare context with the globals of the web and none of Node's.
// Usage: node --experimental-vm-modules in-browser.js BUNDLE FILE...; prints what check() gives for each file, as JSON.
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const [bundle, ...files] = process.argv.slice(2);
const web = { TextDecoder, TextEncoder, URL, atob, btoa, performance, queueMicrotask, structuredClone };
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
const [program] = files.filter((file) => file.endsWith('counter'));
context.base64 = readFileSync(program).toString('base64');
const simulated = vm.runInContext(
  `{
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const hash = new library.EventHash();
    const host = { read: () => new Uint8Array(0), write: () => {}, file: () => undefined, directory: () => undefined };
    const settings = { kernel: '6.18', debugRseq: false, cpus: 2, seed: 1, schedule: 'random', memoryLimit: 2 ** 28, maxInstructions: null, scenario: null };
    const program = { path: 'counter', arguments: ['counter'], environment: [], bytes };
    const kernel = library.start(settings, program, host, [() => (event) => hash.add(event)]);
    JSON.stringify({ outcome: library.run(kernel, 1e9), hash: hash.text() });
  }`,
  context,
);
const strangers = vm.runInContext(
  '["process", "Buffer", "require", "global", "setImmediate"].filter((name) => name in globalThis)',
  context,
);
process.stdout.write(
  JSON.stringify({
    results,
    simulated: JSON.parse(simulated),
    strangers,
    exports: Object.keys(module.namespace),
  }),
);
