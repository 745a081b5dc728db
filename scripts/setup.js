// Makes a fresh checkout ready: installs the packages when they are not those of the lock file, builds when sources are newer.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = (...parts) => join(root, ...parts);
const stamp = at('node_modules', '.rseqlab-lock');
const lock = readFileSync(at('package-lock.json'), 'utf8');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.error('installing packages ...');
  // Not npm ci: it refuses a lock file that lacks other platforms' optional packages, which some registries do not carry.
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(stamp, lock);
}

const newest = (path) => {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((latest, name) => Math.max(latest, newest(join(path, name))), 0);
};
const sources = Math.max(
  ...['src', 'viewer', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.js', 'package.json'].map(
    (name) => newest(at(name)),
  ),
);
const built = at('dist', 'browser', 'rseqlab.js');
if (!existsSync(built) || statSync(built).mtimeMs < sources) {
  console.error('building ...');
  execFileSync(process.execPath, [at('scripts', 'build.js')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
