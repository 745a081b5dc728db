import { Decoder, DecoderOptions, Instruction } from 'iced-x86';
import type { MachineArchitecture } from '../abi/architecture.js';
import { wordMeaning } from '../isa/aarch64/meaning/index.js';
import type { Meaning } from '../isa/meaning.js';
import { meaningOf } from '../isa/x86-64/meaning/index.js';
import { PAGE_SIZE } from './state.js';

/** What the reader needs of a machine. */
interface CodeMemory {
  readonly architecture: MachineArchitecture;
  /** Up to 15 bytes of code; fewer where executable memory ends, none where there is none. */
  fetch(address: bigint): Uint8Array;
  /** A page that may be executed; `codeChanged` is told from now on. Undefined where it may not. */
  codePage(page: number): Uint8Array | undefined;
}

const LONGEST = 15;
/** Of these all is forgotten where there are more. */
const MOST_PAGES = 64;
const MOST_MEANINGS = 8000;

/** Reads instructions of the program. Keeps a decoder for each page of code, until that changes. */
export class CodeReader {
  private readonly decoders = new Map<number, Decoder>();
  /** By page and address. */
  private readonly meanings = new Map<number, Map<bigint, Meaning>>();
  private count = 0;
  /** The decoder that read an instruction last, and the address it stands at. */
  private last: Decoder | undefined;
  private end: bigint | undefined;

  constructor(private readonly memory: CodeMemory) {}

  /** What the instruction at an address does; undefined where there is none that is known. */
  meaningAt(at: bigint): Meaning | undefined {
    if (this.memory.architecture === 'aarch64') return this.word(at);
    const offset = Number(at % BigInt(PAGE_SIZE));
    const start = Number(at) - offset;
    const decoder = offset + LONGEST <= PAGE_SIZE ? this.decoder(start) : undefined;
    if (decoder === undefined) return this.lonely(at);
    const known = this.meanings.get(start / PAGE_SIZE)?.get(at);
    if (known !== undefined) return known;
    // Where it came to by itself it need not be led.
    if (this.last !== decoder || this.end !== at) {
      decoder.position = offset;
      decoder.ip = at;
    }
    const meaning = decoded(decoder);
    this.last = meaning === undefined ? undefined : decoder;
    this.end = meaning?.next;
    if (meaning !== undefined) this.remember(start / PAGE_SIZE, at, meaning);
    return meaning;
  }

  private word(at: bigint): Meaning | undefined {
    if ((at & 3n) !== 0n) return undefined;
    const page = Number(at / BigInt(PAGE_SIZE));
    const known = this.meanings.get(page)?.get(at);
    if (known !== undefined) return known;
    const bytes = this.memory.codePage(page);
    if (bytes === undefined) return undefined;
    const offset = Number(at % BigInt(PAGE_SIZE));
    const word = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
    const meaning = wordMeaning(word, at);
    this.remember(page, at, meaning);
    return meaning;
  }

  private remember(page: number, at: bigint, meaning: Meaning): void {
    if (this.count++ >= MOST_MEANINGS) {
      this.meanings.clear();
      this.count = 1;
    }
    const ofPage = this.meanings.get(page) ?? new Map<bigint, Meaning>();
    this.meanings.set(page, ofPage);
    ofPage.set(at, meaning);
  }

  forget(page: number): void {
    this.last = undefined;
    this.decoders.get(page)?.free();
    this.decoders.delete(page);
    this.meanings.delete(page);
  }

  forgetAll(): void {
    for (const page of [...this.decoders.keys()]) this.forget(page);
    this.last = undefined;
    this.meanings.clear();
    this.count = 0;
  }

  private decoder(start: number): Decoder | undefined {
    const page = start / PAGE_SIZE;
    const known = this.decoders.get(page);
    if (known !== undefined) return known;
    const bytes = this.memory.codePage(page);
    if (bytes === undefined) return undefined;
    if (this.decoders.size >= MOST_PAGES) for (const each of [...this.decoders.keys()]) this.forget(each);
    const made = new Decoder(64, bytes, DecoderOptions.None);
    this.decoders.set(page, made);
    return made;
  }

  /** Near the end of a page: it may go on in the next one, or not. */
  private lonely(at: bigint): Meaning | undefined {
    const bytes = this.memory.fetch(at);
    if (bytes.length === 0) return undefined;
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    try {
      decoder.ip = at;
      return decoded(decoder);
    } finally {
      decoder.free();
    }
  }
}

/** What is read last: iced's objects are in WebAssembly's memory, where making one for each costs more than decoding. */
let read: Instruction | undefined;

function decoded(decoder: Decoder): Meaning | undefined {
  read ??= new Instruction();
  decoder.decodeOut(read);
  return read.isInvalid ? undefined : meaningOf(read);
}
