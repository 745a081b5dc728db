import { copyFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readMemory } from '../../src/linux/memory.js';
import { mapsOf } from '../../src/linux/procfs.js';
import { type ModuleSource, Modules, placeText } from '../../src/live/modules.js';
import { ROOT } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'rseqlab-modules-')));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Maps a copy of a library of the corpus into this very process. */
function load(library: string, name: string): { path: string; unload(): void } {
  const path = join(folder, name);
  copyFileSync(join(ROOT, library), path);
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const loaded = koffi.load(path);
  return { path, unload: () => loaded.unload() };
}
const moduleOf = (modules: Modules, path: string) => modules.modules.find(({ name }) => name === path)!;

describe.skipIf(reason !== undefined)(title('modules of a process'), () => {
  it('finds a library that is loaded while one looks, its sections, functions and lines', () => {
    const modules = Modules.ofProcess(process.pid);
    const { path, unload } = load('test/corpus/linked/unloadable.so', 'loaded.so');
    expect(moduleOf(modules, path)).toBeUndefined();
    expect(modules.refresh()).toBe(true);
    const module = moduleOf(modules, path);
    const section = modules.sections.find((each) => each.module === module)!;
    expect(section).toMatchObject({
      start: module.bias + 0x1f3n,
      end: module.bias + 0x200n,
      abort: module.bias + 0x20an,
      descriptor: module.bias + 0x2000n,
    });
    // The descriptor in memory, as the loader relocated it, says the same.
    const memory = new BigUint64Array(readMemory(process.pid, section.descriptor!, 32)!.buffer);
    expect([...memory]).toEqual([0n, section.start, section.end - section.start, section.abort]);
    expect(modules.byDescriptor(section.descriptor!)).toBe(section);
    const place = modules.place(section.start + 3n);
    expect(place).toMatchObject({ symbol: 'increment', section, line: { line: 14 } });
    expect(placeText(place)).toMatch(/^increment\+0x\w+ in loaded\.so \(correct\/increment\.s:14\)$/);
    expect(modules.place(section.end).section).toBeUndefined();
    // What stayed is the same object; what has gone is gone.
    const before = [...modules.modules];
    modules.refresh();
    expect(modules.modules.every((each) => before.includes(each))).toBe(true);
    unload();
    expect(modules.refresh()).toBe(true);
    expect(moduleOf(modules, path)).toBeUndefined();
  });

  it('reads a library whose file is gone', () => {
    const { path } = load('test/corpus/linked/nodelete.so', 'gone.so');
    rmSync(path);
    const modules = Modules.ofProcess(process.pid);
    const module = moduleOf(modules, path);
    expect(module.deleted).toBe(true);
    expect(modules.sections.filter((each) => each.module === module)).toHaveLength(1);
  });

  it('reads a library from memory where no file can be had, or another one has its name', () => {
    const { path } = load('test/corpus/linked/disarms.so', 'replaced.so');
    rmSync(path);
    writeFileSync(path, 'another file');
    const source: ModuleSource = {
      maps: () => mapsOf(process.pid),
      paths: ({ inode }) => ({ name: path, candidates: () => [path], inode: inode!, debugDirectories: [] }),
      read: (address, size) => readMemory(process.pid, address, size),
    };
    const modules = new Modules(source);
    const module = moduleOf(modules, path);
    expect(module.fromMemory).toBe(true);
    const [section] = modules.sections.filter((each) => each.module === module);
    expect(section).toMatchObject({ start: module.bias + 0x1f3n, descriptor: module.bias + 0x2000n });
  });

  it('knows the vdso, and what is no file', () => {
    const modules = Modules.ofProcess(process.pid);
    const vdso = modules.modules.find(({ name }) => name === '[vdso]');
    if (vdso !== undefined) {
      const call = vdso.file.image!.symbols.find(({ name }) => name === '__vdso_clock_gettime')!;
      expect(modules.place(vdso.bias + BigInt(call.address!)).symbol).toMatch(/clock_gettime/);
    }
    const stack = modules.maps.find(({ name }) => name === '[stack]')!;
    expect(placeText(modules.place(stack.start))).toMatch(/^0x\w+ in \[stack\]$/);
    expect(placeText(modules.place(16n))).toBe('0x10');
  });
});
