import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asAddr } from '../../src/abi/address.js';
import { readImage } from '../../src/binary/read.js';
import { elfFile } from './fixture.js';

const folder = new URL('../fixtures/elf/', import.meta.url);
const names = readdirSync(folder).filter((name) => /\.(elf|so)$/.test(name));
/** A larger one: the C library that we run on, where there is one. */
const libc = /\/\S*\/libc\.so\.6$/m.exec(
  process.platform === 'linux' ? readFileSync('/proc/self/maps', 'latin1') : '',
);
const FILES = [
  ...names.map((name): [string, Uint8Array] => [name, elfFile(name)]),
  ...(libc === null ? [] : [['libc', new Uint8Array(readFileSync(libc[0]))] as [string, Uint8Array]]),
];

it('has files to look at', () => expect(names.length).toBeGreaterThan(10));

describe.each(FILES)('the first questions about symbols of %s', (name, bytes) => {
  const whole = readImage(bytes, name);
  const { symbols } = whole;
  const some = symbols.filter((_, index) => index % Math.ceil(symbols.length / 60) === 0);

  it('are answered as if all had been read', () => {
    for (const symbol of some) {
      const fresh = readImage(bytes, name);
      expect(fresh.symbol(symbol.name)).toEqual(whole.symbol(symbol.name));
      if (symbol.kind !== 'function' || symbol.address === undefined) continue;
      for (const at of [0, 1, symbol.size - 1, symbol.size]) {
        const address = asAddr(BigInt(Math.max(0, symbol.address + at)))!;
        expect(fresh.functionAt(address)).toEqual(whole.functionAt(address));
      }
    }
  });

  it('are answered, also those about lines', () => {
    // More questions than are answered by a search.
    for (let n = 0; n < 20; n++) whole.lineAt(asAddr(1n)!);
    const first =
      symbols.find(({ kind, address }) => kind === 'function' && (address ?? 0) > 0)?.address ?? 0;
    for (let at = first; at < first + 200; at += 7) {
      const address = asAddr(BigInt(at))!;
      expect(readImage(bytes, name).lineAt(address)).toEqual(whole.lineAt(address));
    }
  });

  it('are answered for what is not there', () => {
    const fresh = readImage(bytes, name);
    expect(fresh.symbol('no such symbol')).toBeUndefined();
    expect(fresh.symbol('')).toBeUndefined();
    expect(fresh.functionAt(asAddr(16n)!)).toBeUndefined();
  });
});
