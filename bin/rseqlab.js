#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../dist/cli/rseqlab.cjs', import.meta.url));
if (existsSync(command)) {
  const { main } = createRequire(import.meta.url)(command);
  process.exitCode = await main(process.argv);
} else {
  console.error(`rseqlab: not built yet (there is no ${command}); run npm run setup in its folder`);
  process.exitCode = 2;
}
