// Lets a bundle do what it is mostly used for, and keeps the code that V8 made for it:
//   node scripts/code-cache.js BUNDLE
// Its own process: V8 takes a cache only where its flags are the same, and commands write to standard output.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { cacheOf, compile, evaluate, packed } from '../bin/load.js';

const [, , bundle] = process.argv;
const folder = mkdtempSync(join(tmpdir(), 'rseqlab-cache-'));
const program = join(folder, 'program');
if (readFileSync(bundle).some((byte) => byte > 0x7f))
  throw new Error(`${bundle} is not ASCII, as bin/load.js reads it`);
try {
  const fixture = new URL('../test/programs/glibc.gz', import.meta.url);
  writeFileSync(program, gunzipSync(readFileSync(fileURLToPath(fixture))));
  const script = compile(bundle, true);
  const { main } = evaluate(script, bundle);
  for (const args of [
    ['check', program],
    ['run', program, 'hello'],
    // Itself, which it cannot stop. Says no more than that it does not work here where there is no Linux, or no koffi.
    ['inspect', '--format', 'json', String(process.pid)],
    ['inspect', String(process.pid)],
  ])
    await main(['node', 'rseqlab', ...args]);
  writeFileSync(cacheOf(bundle), packed(bundle, script.createCachedData()));
} finally {
  rmSync(folder, { recursive: true });
}
process.exit();
