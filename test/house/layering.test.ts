import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = new URL('../../src/', import.meta.url).pathname;
/** From left to right: a folder may import those before it, and itself. */
const ORDER = ['abi', 'binary', 'isa', 'machine', 'sections', 'check', 'report', 'cli'];
const PORTABLE = ORDER.slice(0, -1);

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const importsOf = (file: string): string[] =>
  [...readFileSync(join(SRC, file), 'utf8').matchAll(/(?:from|import)\s+'([^']+)'/g)].map(
    (match) => match[1]!,
  );
const folderOf = (file: string): string => file.split('/')[0]!;

describe('the house', () => {
  it.each(files)('%s imports only what stands before it', (file) => {
    const wrong = importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => folderOf(relative(SRC, resolve(SRC, dirname(file), name))))
      .filter(
        (folder) => ORDER.includes(folderOf(file)) && ORDER.indexOf(folder) > ORDER.indexOf(folderOf(file)),
      );
    expect(wrong).toEqual([]);
  });

  it.each(files.filter((file) => PORTABLE.includes(folderOf(file))))('%s runs in a browser', (file) => {
    expect(importsOf(file).filter((name) => name.startsWith('node:'))).toEqual([]);
    expect(readFileSync(join(SRC, file), 'utf8')).not.toMatch(/\b(Buffer|process)\.[a-zA-Z]/);
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
