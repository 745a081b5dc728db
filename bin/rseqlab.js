#!/usr/bin/env node
// CommonJS, and all in one file: a tool that is run once per file of a build should not spend its time on loading itself.
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { compile, evaluate } = require('./load.js');

const file = join(__dirname, '../dist/cli/rseqlab.cjs');

async function start() {
  if (!existsSync(file)) {
    console.error(`rseqlab: not built yet (there is no ${file}); run npm run setup in its folder`);
    return 2;
  }
  if (!process.env.RSEQLAB_DEBUG) return evaluate(compile(file), file).main(process.argv);
  // Stack traces of the sources, not of the bundle.
  process.setSourceMapsEnabled(true);
  return require(file).main(process.argv);
}

start().then((status) => {
  process.exitCode = status;
  // Else Node waits for V8 to finish optimising code that nobody will run. Output is synchronous everywhere but there.
  if (process.platform !== 'win32') process.exit();
});
