import { type Addr, asAddr, hex } from '../abi/address.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramImage, SourceLine } from '../binary/image.js';
import { printable } from '../binary/printable.js';
import { aarch64 } from '../isa/aarch64/decoder.js';
import { x86_64 } from '../isa/x86-64/decoder.js';
import type { ProcessView } from '../process/process.js';

/** The image of a file that a process has mapped; undefined where it is none, or not at hand. */
type ImageOf = (path: string) => ProgramImage | undefined;

/** Names for addresses of a process, from the files that it has mapped. */
export class Places {
  private constructor(
    private readonly image: ProgramImage | undefined,
    /** What the loader added to the file's addresses. */
    private readonly bias: bigint,
    /** Other files' names, with what they are called by. */
    private readonly elsewhere: (address: bigint) => string = () => '',
  ) {}

  /** By `imageOf` the process's executable, and its libraries; without one there are no names. */
  static of(process: ProcessView | undefined, imageOf: ImageOf): Places {
    if (process === undefined) return new Places(undefined, 0n);
    const { executable } = process;
    const image = imageOf(executable);
    const libraries = new Map<string, Places>();
    return new Places(image, image === undefined ? 0n : biasOf(process, image, executable), (address) => {
      const map = process.maps.find(({ start, end }) => start <= address && address < end);
      if (map === undefined || !map.name.startsWith('/') || map.name === executable) return '';
      let library = libraries.get(map.name);
      if (library === undefined) {
        const its = imageOf(map.name);
        library = new Places(its, its === undefined ? 0n : biasOf(process, its, map.name));
        libraries.set(map.name, library);
      }
      const file = map.name.replace(/^.*\//, '');
      const offset = address - map.start + BigInt(map.offset);
      return `${library.name(address)} of ${printable(file)}+${hex(offset)}`;
    });
  }

  /** ` <push+0x14>`, with the blank in front, or ''; of a library also which and where in it. */
  readonly name = (address: bigint): string => {
    const elsewhere = this.elsewhere(address);
    if (elsewhere !== '') return elsewhere;
    const at = this.inFile(address);
    if (at === undefined || this.image === undefined) return '';
    const range = this.image.functionAt(at);
    if (range?.name !== undefined) return label(range.name, at - range.start);
    const symbol = this.image.symbols.findLast(
      (each) =>
        each.kind !== 'tls' &&
        each.kind !== 'section' &&
        each.address !== undefined &&
        at >= each.address &&
        at < each.address + Math.max(1, each.size),
    );
    return symbol === undefined ? '' : label(symbol.name, at - symbol.address!);
  };

  /** `0x4011c4 <push+0x14>`. */
  readonly place = (address: bigint): string => `${hex(address)}${this.name(address)}`;

  /** ` counter.s:17`, or ''. */
  line(address: bigint): string {
    const at = this.inFile(address);
    const line: SourceLine | undefined = at === undefined ? undefined : this.image?.lineAt(at);
    return line === undefined ? '' : ` ${printable(line.file)}:${line.line}`;
  }

  private inFile(address: bigint): Addr | undefined {
    const at = address - this.bias;
    return at >= 0n ? asAddr(at) : undefined;
  }
}

/** What the loader has added to a file's addresses. */
function biasOf(process: ProcessView, image: ProgramImage, path: string): bigint {
  if (image.header.type === 'executable') return 0n;
  const start = process.maps.find(({ name }) => name === path)?.start ?? 0n;
  const first = BigInt(image.regions[0]?.start ?? 0);
  return start - (first - (first % 4096n));
}

const label = (name: string, offset: number): string =>
  ` <${printable(demangle(name))}${offset === 0 ? '' : `+${hex(offset)}`}>`;

/** The instruction that stands in a process's memory; undefined where no code can be read. */
export function instructionAt(
  process: Pick<ProcessView, 'read'> & { readonly architecture: string },
  address: bigint,
): { readonly text: string; readonly bytes: string } | undefined {
  const at = asAddr(address);
  const decoder = process.architecture === 'aarch64' ? aarch64 : x86_64;
  const { maxLength } = decoder;
  const pageEnd = 4096 - Number(address % 4096n);
  const bytes = process.read(address, maxLength) ?? process.read(address, Math.min(maxLength, pageEnd));
  if (bytes === undefined || at === undefined) return undefined;
  const { text, length, flow } = decoder.decode(bytes, at);
  const own = bytesText(bytes.subarray(0, length));
  return { text: flow === 'unknown' ? `(${own})` : text, bytes: own };
}

const bytesText = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
