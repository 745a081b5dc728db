// Compiles src/ to dist/ and bundles the library for browsers.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleIced } from './bundle-iced.js';
import { lazyBuiltins } from './lazy-builtins.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

rmSync(join(root, 'dist'), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(dirname(require.resolve('typescript/package.json')), 'bin/tsc'), '-p', 'tsconfig.build.json'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);

// The page of reports first: a module with two strings, which the bundles below take in.
const page = await build({
  entryPoints: { script: join(root, 'viewer/main.ts'), style: join(root, 'viewer/style.css') },
  outdir: join(root, 'dist/viewer'),
  bundle: true,
  format: 'iife',
  platform: 'browser',
  target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
  charset: 'utf8',
  minify: true,
  write: false,
  logLevel: 'error',
});
const pageText = (extension) =>
  page.outputFiles
    .find(({ path }) => path.endsWith(extension))
    .text.trim()
    .replaceAll('</', '<\\/');
mkdirSync(join(root, 'dist/viewer'), { recursive: true });
writeFileSync(
  join(root, 'dist/viewer/module.js'),
  `export const script = ${JSON.stringify(pageText('.js'))};\nexport const style = ${JSON.stringify(pageText('.css'))};\n`,
);

/** In a browser the bytes come inside the bundle. */
const inline = (file) =>
  `Uint8Array.from(atob('${readFileSync(file).toString('base64')}'), (c) => c.charCodeAt(0))`;

await build({
  entryPoints: [join(root, 'src/index.ts')],
  outfile: join(root, 'dist/browser/rseqlab.js'),
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  plugins: [bundleIced(inline)],
  logLevel: 'error',
});

// The command as one file: a tool that is run once per file of a build should not spend its time on finding 90 modules, nor Node
// on guessing what iced-x86 exports. That one's WebAssembly stays where it is.
const wasmOfPackage = "require('node:fs').readFileSync(require.resolve('iced-x86/iced_x86_bg.wasm'))";
const command = join(root, 'dist/cli/rseqlab.cjs');
await build({
  entryPoints: [join(root, 'src/cli/main.ts')],
  outfile: command,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minify: true,
  plugins: [bundleIced(() => wasmOfPackage), lazyBuiltins],
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename);" },
  sourcemap: true,
  logLevel: 'error',
});

// What rseqlab doctor asks the kernel with.
mkdirSync(join(root, 'dist/probe'));
for (const name of ['rows', 'rows-aarch64']) {
  copyFileSync(join(root, 'test/conformance', name), join(root, 'dist/probe', name));
  chmodSync(join(root, 'dist/probe', name), 0o755);
}

const { NODE_OPTIONS: _, ...env } = process.env;
execFileSync(process.execPath, [join(root, 'scripts/code-cache.js'), command], {
  env,
  // What the program says; in the error where there is one.
  stdio: ['ignore', 'ignore', 'pipe'],
});
