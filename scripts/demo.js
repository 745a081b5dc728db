// The main jobs on shipped examples: a section with a real mistake, and its mended twin; checked, and run.
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
console.log(
  'The first object has a real mistake, the second is its mended twin. Sources: examples/check/.\n',
);

// The same mistake in a program that runs: on the simulated machine, with threads interrupted inside their sections.
const right = run('run', '--schedule', 'aborts', '--summary', 'examples/run/counter');
const wrong = run('run', '--schedule', 'aborts', 'examples/run/counter-gap');
if (right !== 0 || wrong !== 1) {
  console.error(
    `demo failed: expected a right count (status 0) and a wrong one (1), got ${right} and ${wrong}`,
  );
  process.exit(1);
}
console.log('Natively both programs count to 1000, run after run. Sources: examples/run/.');
