// The main job on a shipped example: a section with a real mistake, and its mended twin.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(...args) {
  console.log(`$ rseqlab ${args.join(' ')}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/rseqlab.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return status;
}

const found = run('check', 'examples/check/counter.o');
const clean = run('check', 'examples/check/counter-mended.o');
if (found !== 1 || clean !== 0) {
  console.error(`demo failed: expected a finding (status 1) and none (status 0), got ${found} and ${clean}`);
  process.exit(1);
}
console.log('The first object has a real mistake, the second is its mended twin. Sources: examples/check/.');
