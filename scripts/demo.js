// The main jobs on shipped examples with a real mistake, and on their mended twins: explored, checked, run.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Prints what the command says; ends the demo where its exit status is another than the one that it should have. */
function run(expected, ...args) {
  console.log(`$ rseqlab ${args.join(' ')}`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/rseqlab.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  console.log();
  if (status === expected) return;
  console.error(`demo failed: rseqlab ${args.join(' ')}: expected status ${expected}, got ${status}`);
  process.exit(1);
}

// It counts right in every test. Explored, it does not: status 1.
run(1, 'explore', 'examples/explore/counter-bug.o');
// One line moved: verified.
run(0, 'explore', 'examples/explore/counter.o');
mkdirSync(join(root, 'dist/demo'), { recursive: true });
const page = 'dist/demo/counter-bug.html';
run(1, 'explore', '--format', 'html', '-o', page, 'examples/explore/counter-bug.o');

// The cause, without a scenario and without running anything.
run(1, 'check', 'examples/explore/counter-bug.o');
// A whole program with the same mistake, its threads interrupted inside their sections; natively it counts to 1000, run after run.
run(1, 'run', '--schedule', 'aborts', 'examples/run/counter-gap');

console.log(`The counterexample as a page, to step through with the arrow keys; open it in a browser:
  ${pathToFileURL(join(root, page)).href}
The two sources, and how to explore your own: examples/explore/README.md`);
