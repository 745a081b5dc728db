import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
/** From left to right: a folder may import those before it, and itself. */
const ORDER = [
  'abi',
  'process',
  'event',
  'checkpoint',
  'binary',
  'isa',
  'machine',
  'sections',
  'kernel',
  'check',
  'explore',
  'report',
  'node',
  'linux',
  'live',
  'cli',
];
const PORTABLE = ORDER.slice(0, ORDER.indexOf('node'));
const rank = (folder: string): number => ORDER.indexOf(folder);

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
/** What a file imports, by `import ... from`, `export ... from`, `import '...'` and `import('...')`. */
const importsOf = (file: string): string[] =>
  [...readFileSync(join(SRC, file), 'utf8').matchAll(/\b(?:from|import)[\s(]+['"]([^'"]+)['"]/g)].map(
    (match) => match[1]!,
  );
/** The folder below src, or the file's name where it lies in src itself. */
const folderOf = (file: string): string => file.split('/')[0]!;
/** The library's entry runs in browsers too. */
const isPortable = (file: string): boolean => PORTABLE.includes(folderOf(file)) || file === 'index.ts';

describe('the house', () => {
  it('has no other rooms', () => {
    expect([...ORDER, 'index.ts']).toEqual(expect.arrayContaining([...new Set(files.map(folderOf))]));
  });

  it.each(files)('%s imports only what stands before it', (file) => {
    const wrong = importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => folderOf(relative(SRC, resolve(SRC, dirname(file), name))))
      .filter((folder) => rank(folder) > rank(file === 'index.ts' ? PORTABLE.at(-1)! : folderOf(file)));
    expect(wrong).toEqual([]);
  });

  it.each(files.filter(isPortable))('%s runs in a browser', (file) => {
    expect(importsOf(file).filter(isBuiltin)).toEqual([]);
  });

  it('names nothing of Node in the folders that run in a browser', () => {
    const { include } = JSON.parse(readFileSync(join(SRC, '../tsconfig.portable.json'), 'utf8'));
    expect(include.slice(1)).toEqual(['src/index.ts', ...PORTABLE.map((folder) => `src/${folder}`)]);
    const tsc = join(SRC, '../node_modules/typescript/bin/tsc');
    const { stdout, status } = spawnSync(
      process.execPath,
      [tsc, '-p', join(SRC, '../tsconfig.portable.json')],
      {
        encoding: 'utf8',
      },
    );
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
  });

  it('has a viewer that is right for browsers, and takes only words from the house', () => {
    const viewer = join(SRC, '../viewer');
    const tsc = join(SRC, '../node_modules/typescript/bin/tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', join(viewer, 'tsconfig.json')], {
      encoding: 'utf8',
    });
    expect({ stdout, status }).toEqual({ stdout: '', status: 0 });
    const names = readdirSync(viewer)
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [...readFileSync(join(viewer, file), 'utf8').matchAll(/\bfrom '(\.\.[^']+)'/g)]);
    expect(
      names.map(([, name]) => name).filter((name) => !/^\.\.\/src\/(explore|report)\//.test(name!)),
    ).toEqual([]);
  });

  it('has no import cycle', () => {
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, way: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...way.slice(way.indexOf(file)), file].join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const name of importsOf(file)) {
        if (name.startsWith('.'))
          visit(relative(SRC, resolve(SRC, dirname(file), name)).replace(/\.js$/, '.ts'), [...way, file]);
      }
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});
