import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BinaryError } from '../../src/binary/error.js';
import { check } from '../../src/check/api.js';
import { BIN, oneErrorLine, ROOT, rseqlab, withFolder } from './command.js';

const OBJECT = 'test/corpus/build/correct/increment.o';
const PROGRAM = 'test/corpus/linked/pie';
const ARCHIVE = 'test/corpus/linked/archive.a';

const read = (path: string): Buffer => readFileSync(join(ROOT, path));

/** Byte offsets of fields of an Elf64_Ehdr, Elf64_Shdr (gABI, chapter 4). */
const E = { phoff: 32, shoff: 40, phnum: 56, shnum: 60, shstrndx: 62 };
const S = { type: 4, flags: 8, addr: 16, offset: 24, size: 32, link: 40, info: 44, entsize: 56 };
const SHT = { SYMTAB: 2, STRTAB: 3, RELA: 4, SYMTAB_SHNDX: 18 };

/** A little-endian ELF64 file that is changed field by field. */
class Damaged {
  readonly bytes: Buffer;

  constructor(path: string) {
    this.bytes = Buffer.from(read(path));
  }

  half(at: number, value: number): this {
    this.bytes.writeUInt16LE(value, at);
    return this;
  }

  long(at: number, value: number): this {
    this.bytes.writeUInt32LE(value, at);
    return this;
  }

  wide(at: number, value: bigint): this {
    this.bytes.writeBigUInt64LE(value, at);
    return this;
  }

  header(index: number): number {
    return Number(this.bytes.readBigUInt64LE(E.shoff)) + 64 * index;
  }

  /** Header offsets of the sections of a type. */
  of(type: number): number[] {
    return Array.from({ length: this.bytes.readUInt16LE(E.shnum) }, (_, index) => this.header(index)).filter(
      (at) => this.bytes.readUInt32LE(at + S.type) === type,
    );
  }
}

/** Runs the library as the command does. Nothing but a BinaryError of one line may be thrown. */
function outcome(bytes: Uint8Array): 'report' | 'error' {
  try {
    check(bytes, 'file');
    return 'report';
  } catch (error) {
    if (!(error instanceof BinaryError)) throw error;
    expect(error.message).toMatch(/^file[^\n]*: [^\n]+$/);
    return 'error';
  }
}

describe('a file cut short', () => {
  it.each([
    OBJECT,
    PROGRAM,
    'test/corpus/linked/stripped',
    'test/corpus/linked/a64-executable',
    'test/fixtures/cli/arch/arm.o',
  ])('%s is refused at every byte', (path) => {
    const whole = read(path);
    expect(outcome(whole)).toBe('report');
    const accepted = [...whole.keys()].filter((length) => outcome(whole.subarray(0, length)) !== 'error');
    expect(accepted).toEqual([]);
  });

  it('an archive is refused at every byte, except where one of its members ends', () => {
    const whole = read(ARCHIVE);
    const ends = new Set([8]);
    for (let at = 8; at < whole.length; ) {
      const size = Number(whole.subarray(at + 48, at + 58).toString());
      ends.add(at + 60 + size);
      at += 60 + size + (size & 1);
      ends.add(at);
    }
    const accepted = [...whole.keys()].filter((length) => outcome(whole.subarray(0, length)) === 'report');
    expect(accepted.filter((length) => !ends.has(length))).toEqual([]);
  });

  it.each([0, 1, 4, 63, 64, 1000, 3000])('and the command says so: %i bytes of an object', (length) => {
    withFolder((folder) => {
      const file = join(folder, 'cut.o');
      writeFileSync(file, read(OBJECT).subarray(0, length));
      expect(oneErrorLine(rseqlab(['check', file]))).toContain(file);
      expect(oneErrorLine(rseqlab(['sections', file]))).toContain(file);
      expect(oneErrorLine(rseqlab(['check', OBJECT, file]))).toContain(file);
    });
  });
});

describe('headers that contradict the file', () => {
  const BEYOND: Record<string, Damaged> = {
    'section headers at 2^62': new Damaged(OBJECT).wide(E.shoff, 1n << 62n),
    'section headers at the last byte': new Damaged(OBJECT).wide(E.shoff, BigInt(read(OBJECT).length - 1)),
    '65279 section headers': new Damaged(OBJECT).half(E.shnum, 0xfeff),
    '2^32 section headers, by section 0': (() => {
      const file = new Damaged(OBJECT).half(E.shnum, 0);
      return file.wide(file.header(0) + S.size, 1n << 32n);
    })(),
    '2^64-1 section headers, by section 0': (() => {
      const file = new Damaged(OBJECT).half(E.shnum, 0);
      return file.wide(file.header(0) + S.size, 0xffff_ffff_ffff_ffffn);
    })(),
    '65534 program headers': new Damaged(PROGRAM).half(E.phnum, 0xfffe),
    '2^32-1 program headers, by PN_XNUM': (() => {
      const file = new Damaged(PROGRAM).half(E.phnum, 0xffff);
      return file.long(file.header(0) + S.info, 0xffff_ffff);
    })(),
    'program headers at 2^63': new Damaged(PROGRAM).wide(E.phoff, 1n << 63n),
    'neither section nor program headers': new Damaged(OBJECT).wide(E.shoff, 0n).half(E.shnum, 0),
  };

  it.each(Object.entries(BEYOND))('%s: one error line', (_, file) => {
    expect(outcome(file.bytes)).toBe('error');
    withFolder((folder) => {
      const path = join(folder, 'damaged');
      writeFileSync(path, file.bytes);
      expect(oneErrorLine(rseqlab(['check', path]))).toContain(path);
    });
  });

  /** Damage of one table: a report with a remark, or an error, but always an end. */
  const TABLES: Record<string, (file: Damaged) => unknown> = {
    'sh_link of every section is itself': (file) => each(file, (at, index) => file.long(at + S.link, index)),
    'sh_link in a circle': (file) =>
      each(file, (at, index, count) => file.long(at + S.link, (index + 1) % count)),
    'sh_info of every section is itself': (file) => each(file, (at, index) => file.long(at + S.info, index)),
    'sh_link beyond the table': (file) => each(file, (at) => file.long(at + S.link, 0xffff_ffff)),
    'sh_entsize 0': (file) => each(file, (at) => file.wide(at + S.entsize, 0n)),
    'sh_size 2^63 everywhere': (file) => each(file, (at) => file.wide(at + S.size, 1n << 63n)),
    'sh_size 2^40 everywhere': (file) => each(file, (at) => file.wide(at + S.size, 1n << 40n)),
    'every section begins at byte 0 and is the whole file': (file) =>
      each(file, (at) => file.wide(at + S.offset, 0n).wide(at + S.size, BigInt(file.bytes.length))),
    'the string table lies over the section headers': (file) =>
      file.of(SHT.STRTAB).map((at) => file.wide(at + S.offset, BigInt(file.header(0)))),
    'every name is one endless string': (file) => {
      file.of(SHT.STRTAB).map((at) => file.wide(at + S.offset, 0n).wide(at + S.size, 1n << 40n));
      file.bytes.fill(0x41, 64, Math.min(file.header(0), 2048));
    },
    'symbols lie over their own strings': (file) =>
      file.of(SHT.SYMTAB).map((at) => {
        const strings = file.header(file.bytes.readUInt32LE(at + S.link));
        return file.wide(strings + S.offset, file.bytes.readBigUInt64LE(at + S.offset));
      }),
    'relocations relocate themselves': (file) =>
      file
        .of(SHT.RELA)
        .map((at) => file.long(at + S.info, (at - file.header(0)) / 64).wide(at + S.flags, 2n)),
    'every section is a symbol table': (file) => each(file, (at) => file.long(at + S.type, SHT.SYMTAB)),
    'every section is a relocation table': (file) => each(file, (at) => file.long(at + S.type, SHT.RELA)),
    'every section is an index table of itself': (file) =>
      each(file, (at, index) => file.long(at + S.type, SHT.SYMTAB_SHNDX).long(at + S.link, index)),
    'every section is loaded, at one address': (file) =>
      each(file, (at) => file.wide(at + S.flags, 7n).wide(at + S.addr, 0x400000n)),
    'the names of sections are in no section': (file) => file.half(E.shstrndx, 0xfffe),
  };

  it.each(Object.entries(TABLES))('%s: ends, with a report or an error', (_, damage) => {
    for (const path of [OBJECT, PROGRAM, 'test/corpus/linked/unloadable.so', 'test/corpus/linked/stripped']) {
      const file = new Damaged(path);
      damage(file);
      expect(['report', 'error']).toContain(outcome(file.bytes));
    }
  });
});

function each(file: Damaged, change: (at: number, index: number, count: number) => unknown): void {
  const count = file.bytes.readUInt16LE(E.shnum);
  for (let index = 1; index < count; index++) change(file.header(index), index, count);
}

describe('archives', () => {
  const member = (name: string, size: string) => `${name.padEnd(16)}${'0'.padEnd(32)}${size.padEnd(10)}\`\n`;

  it.each([
    ['a size that is no number', `!<arch>\n${member('a.o/', 'many')}`],
    ['a negative size', `!<arch>\n${member('a.o/', '-60')}`],
    ['a size of ten digits', `!<arch>\n${member('a.o/', '9999999999')}`],
    ['no header where one must be', `!<arch>\n${'x'.repeat(100)}`],
    ['a member that is a damaged object', `!<arch>\n${member('a.o/', '8')}\u007fELF\u0002\u0001\u0001\0`],
    ['a thin archive', `!<thin>\n${member('a.o/', '8')}`],
  ])('%s: one error line', (_, text) => {
    withFolder((folder) => {
      const file = join(folder, 'lib.a');
      writeFileSync(file, text, 'latin1');
      expect(oneErrorLine(rseqlab(['check', file]))).toContain(file);
    });
  });
});

describe('what is no file to read', () => {
  it.each([
    ['text', 'package.json', /is not an ELF file or an archive; give/],
    ['a missing file', 'no/such/file', /cannot read no\/such\/file: there is no such file/],
    ['a path through a file', 'package.json/x', /a part of the path is no directory/],
    ['an endless device', '/dev/zero', /is not a regular file/],
    ['an empty device', '/dev/null', /is not a regular file/],
    ['a directory without ELF files', 'docs', /no ELF file or archive below docs; give/],
    ['an empty name', '', /cannot read/],
  ])('%s', (_, path, message) => {
    expect(oneErrorLine(rseqlab(['check', path]))).toMatch(message);
    expect(oneErrorLine(rseqlab(['sections', path]))).toMatch(message);
  });

  it('an empty directory, a circle of links, a pipe nobody writes to', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'empty'));
      expect(oneErrorLine(rseqlab(['check', join(folder, 'empty')]))).toContain('no ELF file');
      symlinkSync('circle', join(folder, 'circle'));
      expect(oneErrorLine(rseqlab(['check', join(folder, 'circle')]))).toContain('too many symbolic links');
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      expect(oneErrorLine(rseqlab(['check', join(folder, 'pipe')]))).toContain('is not a regular file');
      // In a directory, a pipe and links are passed over.
      symlinkSync(folder, join(folder, 'up'));
      expect(oneErrorLine(rseqlab(['check', folder]))).toContain('no ELF file');
    });
  });

  it('files without permission', () => {
    withFolder((folder) => {
      const file = join(folder, 'secret.o');
      writeFileSync(file, read(OBJECT));
      chmodSync(folder, 0o755);
      chmodSync(file, 0);
      const asUser = unprivileged(['check', file]);
      expect(oneErrorLine(asUser)).toBe(`rseqlab: cannot read ${file}: permission denied`);
      chmodSync(join(folder), 0);
      expect(oneErrorLine(unprivileged(['check', folder]))).toMatch(/cannot read .*: permission denied/);
      chmodSync(folder, 0o700);
    });
  });
});

/** Runs the command without the rights of root, who may read everything: the process becomes `nobody` first. */
function unprivileged(args: readonly string[]) {
  if (process.getuid?.() !== 0) return rseqlab(args);
  const become = `const { main } = require(${JSON.stringify(join(ROOT, 'dist/cli/rseqlab.cjs'))});
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    main(['node', 'rseqlab', ...process.argv.slice(1)]).then((status) => { process.exitCode = status; });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', become, '--', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('huge files', () => {
  /** Most memory the command may have used, in bytes. It needs about 60 MB for itself. */
  const MOST = 300 * 2 ** 20;

  const sparse = (file: string, size: number, begin: Uint8Array): void => {
    const handle = openSync(file, 'w');
    writeSync(handle, begin);
    ftruncateSync(handle, size);
    closeSync(handle);
  };

  it.each([
    ['of zeros', () => new Uint8Array(1), /is not an ELF file/],
    [
      'with section headers at its end',
      () => new Damaged(OBJECT).wide(E.shoff, 5_000_000_000n).bytes,
      /5368709120 bytes/,
    ],
    ['that is an archive', () => Buffer.from('!<arch>\n'), /5368709120 bytes/],
  ])('5 GB %s: one error line, in bounded memory', (_, begin, message) => {
    withFolder((folder) => {
      const file = join(folder, 'huge');
      sparse(file, 5 * 2 ** 30, begin());
      const { error, peak } = measured(['check', file]);
      expect(error).toMatch(message);
      expect(peak).toBeLessThan(MOST);
    });
  });

  it('small ones that declare tables of 2^32 entries take no more than others', () => {
    withFolder((folder) => {
      const file = join(folder, 'counts');
      const damaged = new Damaged(OBJECT).half(E.shnum, 0);
      writeFileSync(file, damaged.wide(damaged.header(0) + S.size, 1n << 32n).bytes);
      expect(measured(['check', file]).peak).toBeLessThan(MOST);
    });
  });

  /** Runs the command in a process that tells its own peak memory (VmHWM, in bytes) when it ends. */
  function measured(args: readonly string[]): { error: string; peak: number } {
    const tell = `process.on('exit', () => process.stdout.write(String(process.resourceUsage().maxRSS * 1024)));
      process.argv.splice(1, 1, ${JSON.stringify(BIN)});
      import(${JSON.stringify(BIN)});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', tell, '--', '-', ...args], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { error: oneErrorLine({ status, stdout: '', stderr }), peak: Number(stdout) };
  }
});
