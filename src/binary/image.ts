import type { Addr } from '../abi/address.js';
import type { Architecture } from '../abi/architecture.js';

/**
 * One view of a program file, whatever its kind: memory as the loader would lay it out, with the
 * relocations applied, and names for what is where. A relocatable object (ET_REL) has no addresses of its own:
 * its allocated sections are laid out one behind the other from RELOCATABLE_BASE and linked against each other, so
 * that every analysis sees one flat address space; `place` prints such an address as `.text+0x14`.
 */
export interface ProgramImage {
  /** The file's name as the user gave it; `lib.a(member.o)` for an archive member. */
  readonly name: string;
  readonly header: ImageHeader;
  /** Loaded memory, ascending by address, not overlapping. */
  readonly regions: readonly Region[];
  /**
   * Machine code as the file holds it, before relocation: the executable sections, or the executable segments where the
   * sections are not named. For a search that decides whether a file is worth linking.
   */
  readonly codeInFile: readonly Region[];
  /** Section headers, in file order; empty where the file has none (or they were stripped). */
  readonly sections: readonly ImageSection[];
  /** All symbols with a name, from .symtab and .dynsym, deduplicated, ascending by address. */
  readonly symbols: readonly ImageSymbol[];
  /** Damage that did not stop the reading, one line each: "section header 7 lies outside the file". */
  readonly warnings: readonly string[];
  /** Synthetic addresses of undefined symbols in a relocatable object, by name. */
  readonly externs?: ReadonlyMap<string, Addr>;
  /** PT_TLS (or the TLS sections of a relocatable object that is laid out to run): size and alignment of a thread's block, in bytes. */
  readonly tlsBlock?: { readonly size: number; readonly align: number } | undefined;
  /** Where a relocatable object's thread-local sections lie in that block, in bytes, by index of the section. */
  readonly threadSections?: ReadonlyMap<number, number>;

  /** Does a string table (of symbols, or of section names) hold this text anywhere? Reads no symbols. */
  mentions(text: string): boolean;
  regionAt(address: Addr): Region | undefined;
  sectionAt(address: Addr): ImageSection | undefined;
  section(name: string): ImageSection | undefined;
  symbol(name: string): ImageSymbol | undefined;
  /** Bytes [address, address+size) with relocations applied, or undefined where not all of it is loaded. */
  read(address: Addr, size: number): Uint8Array | undefined;
  u32(address: Addr): number | undefined;
  u64(address: Addr): bigint | undefined;
  /** A word of the file's own class: 4 bytes in a 32-bit file, 8 in a 64-bit one. */
  word(address: Addr): bigint | undefined;
  /** The relocation whose field starts exactly here: names what a GOT slot or an operand refers to. */
  relocationAt(address: Addr): Relocation | undefined;
  readonly relocations: readonly Relocation[];
  /** The function that holds the address: from a symbol with a size, else unwind information (.eh_frame). */
  functionAt(address: Addr): FunctionRange | undefined;
  /** Source position from DWARF line tables. */
  lineAt(address: Addr): SourceLine | undefined;
  /** Reads at once what is read bit by bit else: for who has many questions, and no time for them when they come. */
  prepare(): void;
  /** `0x4011c4`, or `.text+0x14` in a relocatable file. */
  place(address: Addr): string;
}

export interface ImageHeader {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** e_machine, and its name where rseq exists for it. */
  readonly machine: number;
  readonly architecture: Architecture | undefined;
  readonly type: 'relocatable' | 'executable' | 'shared' | 'core';
  /** ET_DYN with an interpreter or DF_1_PIE: never unloaded. */
  readonly pie: boolean;
  /** DF_1_NODELETE: dlclose does not unload it. */
  readonly nodelete: boolean;
  readonly entry: Addr;
}

export interface Region {
  readonly start: Addr;
  readonly size: number;
  /** What the file holds of it; shorter than `size` where the rest is zero (.bss). Relocations applied. */
  readonly bytes: Uint8Array;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  readonly name: string;
}

export interface ImageSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** In the image's address space; undefined where it is not loaded (no SHF_ALLOC). */
  readonly address: Addr | undefined;
  readonly size: number;
  /** Byte offset in the file. */
  readonly offset: number;
  /** Alignment in bytes, from sh_addralign. */
  readonly align: number;
}

export interface ImageSymbol {
  readonly name: string;
  /** undefined: not defined in this file. For a TLS symbol, the offset in the TLS block. */
  readonly address: Addr | undefined;
  readonly size: number;
  readonly kind: 'function' | 'object' | 'tls' | 'section' | 'other';
  readonly binding: 'local' | 'global' | 'weak';
}

export interface Relocation {
  readonly address: Addr;
  /** r_type of the file's machine. */
  readonly type: number;
  readonly typeName: string;
  readonly symbol: ImageSymbol | undefined;
  readonly addend: number;
  /** What the field means once resolved, independent of the machine. */
  readonly kind:
    | 'absolute'
    | 'relative'
    | 'pc-relative'
    | 'got'
    | 'plt'
    | 'tls-offset'
    | 'tls-got'
    | 'tls-module'
    | 'copy'
    | 'none'
    | 'other';
}

export interface FunctionRange {
  readonly name: string | undefined;
  readonly start: Addr;
  readonly end: Addr;
  /** guess: found by looking at the code around, where the file names no functions at all. */
  readonly from: 'symbol' | 'unwind' | 'guess';
}

export interface SourceLine {
  readonly file: string;
  readonly line: number;
  /** 1-based; 0 where the compiler gave none. */
  readonly column: number;
}

/** Base address of the first section of a relocatable object in its image. */
export const RELOCATABLE_BASE = 0x100000;
