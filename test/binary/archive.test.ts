import { describe, expect, test } from 'vitest';
import { archiveMembers, isArchive } from '../../src/binary/archive.js';
import { BinaryError } from '../../src/binary/error.js';

const text = new TextEncoder();
const MAGIC = '!<arch>\n';

/** A member as ar(5) lays it out: name, date, owner, group, mode and size in fixed columns, then the contents, even. */
const member = (name: string, contents: string, size = contents.length): string =>
  `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${String(size).padEnd(10)}\`\n${contents}${contents.length % 2 ? '\n' : ''}`;

const members = (archive: string) =>
  [...archiveMembers(text.encode(archive), 'lib.a')].map(({ name, bytes, offset }) => ({
    name,
    contents: new TextDecoder().decode(bytes),
    offset,
  }));

describe('archives', () => {
  test('GNU: short names, long names, a symbol table, contents of odd size', () => {
    const names = 'a_name_longer_than_sixteen.o/\nanother_long_one_indeed.o/\n';
    const archive = `${MAGIC}${member('/', '\0\0\0\0')}${member('//', names)}${member('odd.o/', 'abc')}${member('/0', 'first')}${member('/30', 'second')}`;
    expect(members(archive).map(({ name, contents }) => [name, contents])).toEqual([
      ['odd.o', 'abc'],
      ['a_name_longer_than_sixteen.o', 'first'],
      ['another_long_one_indeed.o', 'second'],
    ]);
    for (const { offset, contents } of members(archive))
      expect(archive.slice(offset, offset + contents.length)).toBe(contents);
  });

  test('BSD: the name stands before the contents', () => {
    const archive = `${MAGIC}${member('__.SYMDEF SORTED', '\0\0\0\0')}${member('#1/20', `long_bsd_name.o\0\0\0\0\0contents`)}${member('short.o', 'x')}`;
    expect(members(archive).map(({ name, contents }) => [name, contents])).toEqual([
      ['long_bsd_name.o', 'contents'],
      ['short.o', 'x'],
    ]);
  });

  test('64-bit symbol tables are left out, an empty archive has no members', () => {
    expect(members(`${MAGIC}${member('/SYM64/', '\0'.repeat(8))}${member('a.o/', 'aa')}`)).toHaveLength(1);
    expect(members(MAGIC)).toEqual([]);
  });

  test('what is no archive, and what is damaged', () => {
    expect(isArchive(text.encode(MAGIC))).toBe(true);
    expect(isArchive(text.encode('\x7fELF'))).toBe(false);
    const whole = `${MAGIC}${member('a.o/', 'aaaa')}`;
    const damaged = [
      whole.slice(0, -1),
      whole.slice(0, 30),
      whole.replace('`\n', '??'),
      `${MAGIC}${member('a.o/', 'aaaa', 400)}`,
      whole.replace('4         `', 'x         `'),
      '!<thin>\n',
    ];
    for (const archive of damaged) expect(() => members(archive), archive).toThrow(BinaryError);
  });

  test('a member before the damage is still given', () => {
    const read = archiveMembers(
      text.encode(`${MAGIC}${member('a.o/', 'aaaa')}${member('b.o/', 'bb', 99)}`),
      'lib.a',
    );
    expect(read.next().value?.name).toBe('a.o');
    expect(() => read.next()).toThrow(/truncated/);
  });
});
