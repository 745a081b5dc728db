import type { Inflate } from './compressed.js';
import { ElfImage } from './elf-image.js';
import { readHeaders } from './headers.js';
import type { ProgramImage } from './image.js';

/** What the reader may ask for besides the file. */
export interface ReadOptions {
  /**
   * The separate file with the symbols and line tables of a stripped one (debugLink names it). Called at most once, when they
   * are first needed; undefined where there is none.
   */
  readonly debugFile?: () => Uint8Array | undefined;
  /** Unpacks compressed debug sections; default: in JavaScript, which takes longer than what Node has. */
  readonly inflate?: Inflate;
  /** Lay a relocatable object out so that it can be run: code, data and constants on pages of their own. Default false. */
  readonly ownPages?: boolean;
  /**
   * Of a relocatable object: is there something of this name? A weak symbol that nobody defines is 0, as linkers make it. Default: there may be anything.
   */
  readonly provided?: (name: string) => boolean;
}

/**
 * Reads an ELF file. `bytes` are never changed; parts with relocations are copied.
 * Throws BinaryError, and nothing else, where the file cannot be used; lesser damage becomes `warnings`.
 */
export function readImage(bytes: Uint8Array, name: string, options: ReadOptions = {}): ProgramImage {
  const warnings: string[] = [];
  // Not a subclass: Node's Buffer has a slice() that does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new ElfImage(
    name,
    readHeaders(plain, name, warnings),
    warnings,
    options.debugFile,
    options.ownPages ?? false,
    options.provided,
    options.inflate,
  );
}
