import type { SourceLine } from '../../binary/image.js';
import { type Module, type Modules, placeText } from '../modules.js';

/** The functions of this header are inlined: a line of it says nothing. */
const HEADER = /(^|\/)rseqlab_syscall\.h$/;
/** Bytes of code in front of a call among which its caller's line is looked for. */
const NEAR = 256;

/** Where annotated calls are made, in words; each is looked up once. */
export class CallPlaces {
  private readonly known = new WeakMap<Module, Map<bigint, string>>();

  of(modules: Modules, address: bigint): string {
    const place = modules.place(address, false);
    if (place.module === undefined) return placeText(place);
    let texts = this.known.get(place.module);
    if (texts === undefined) {
      texts = new Map();
      this.known.set(place.module, texts);
    }
    const inFile = address - place.module.bias;
    let text = texts.get(inFile);
    if (text === undefined) {
      text = placeText({ ...place, line: callerLine(modules, address) ?? place.line });
      texts.set(inFile, text);
    }
    return text;
  }
}

/** The last line in front of the header's, in the same function: its arguments are made ready there. */
function callerLine(modules: Modules, address: bigint): SourceLine | undefined {
  const { symbol } = modules.place(address, false);
  for (let back = 0n; back < NEAR; back++) {
    const { line, symbol: there } = modules.place(address - back, false);
    if (there !== symbol) return undefined;
    if (line !== undefined && !HEADER.test(line.file)) return line;
  }
  return undefined;
}
