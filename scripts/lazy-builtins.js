// Modules of Node that a bundle loads when it first uses something of them: they take a millisecond or two each, and most runs of a command
// need none of them.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const NAMES = ['node:child_process', 'node:crypto', 'node:worker_threads', 'node:zlib'];

/** An esbuild plugin. */
export const lazyBuiltins = {
  name: 'lazy-builtins',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      NAMES.includes(path) && namespace !== 'lazy' ? { path, namespace: 'lazy' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
      contents: `const whole = () => require('${path}');\nmodule.exports = {\n${Object.keys(require(path))
        .map((name) => `get ${name}() { return whole().${name}; },`)
        .join('\n')}\n};`,
      loader: 'js',
    }));
  },
};
