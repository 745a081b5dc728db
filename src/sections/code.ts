import type { Addr } from '../abi/address.js';
import { plus } from '../abi/address.js';
import type { ProgramImage, Relocation } from '../binary/image.js';
import type { Decoder, Instruction } from '../isa/instruction.js';

/** Functions that do not come back to their caller, by the names C and C++ programs import them under. */
const NO_RETURN = new Set([
  'abort',
  'exit',
  '_exit',
  '_Exit',
  '__assert_fail',
  '__stack_chk_fail',
  '__fortify_fail',
  '__chk_fail',
  'pthread_exit',
  'longjmp',
  '_longjmp',
  'siglongjmp',
  '__longjmp_chk',
  '__cxa_throw',
  '__cxa_rethrow',
  '_Unwind_Resume',
  'err',
  'errx',
  '__cxa_throw_bad_array_new_length',
  '_ZSt9terminatev',
  '_ZSt20__throw_length_errorPKc',
]);

/** The machine code of an image, decoded once an instruction, with names for what it calls. */
export class Code {
  private readonly decoded = new Map<Addr, Instruction | undefined>();

  constructor(
    readonly image: ProgramImage,
    readonly decoder: Decoder,
  ) {}

  /** The instruction at an address, or undefined where no code is loaded. */
  at(address: Addr): Instruction | undefined {
    const known = this.decoded.get(address);
    if (known !== undefined || this.decoded.has(address)) return known;
    const instruction = this.decode(address);
    this.decoded.set(address, instruction);
    return instruction;
  }

  /** The instructions from `start` on, one behind the other, up to the first at or behind `end`, or where no code is loaded. */
  *between(start: Addr, end: Addr): Generator<Instruction> {
    for (let at = start; at < end; ) {
      const instruction = this.at(at);
      if (instruction === undefined) return;
      yield instruction;
      at = plus(at, instruction.length);
    }
  }

  private decode(address: Addr): Instruction | undefined {
    const region = this.image.regionAt(address);
    if (region === undefined || !region.executable) return undefined;
    const offset = address - region.start;
    if (offset >= region.bytes.length) return undefined;
    return this.decoder.decode(region.bytes.subarray(offset, offset + this.decoder.maxLength), address);
  }

  /** The relocation inside an instruction's bytes, where a relocatable object has one. */
  relocationIn(instruction: Instruction): Relocation | undefined {
    if (this.image.header.type !== 'relocatable') return undefined;
    for (let offset = 0; offset < instruction.length; offset++) {
      const relocation = this.image.relocationAt(plus(instruction.address, offset));
      if (relocation !== undefined && relocation.kind !== 'none') return relocation;
    }
    return undefined;
  }

  /** The name of what a direct call or jump goes to: a symbol, or the import behind a PLT stub. */
  calleeName(instruction: Instruction): string | undefined {
    const relocation = this.relocationIn(instruction);
    if (relocation?.symbol !== undefined && relocation.symbol.kind !== 'section')
      return relocation.symbol.name;
    if (instruction.target === undefined) {
      // call *slot(%rip): the import is named by the relocation of the slot.
      const slot = instruction.memory.find((access) => access.read && isAbsolute(access));
      return slot && this.image.relocationAt(slot.address.displacement as Addr)?.symbol?.name;
    }
    const range = this.image.functionAt(instruction.target);
    if (range?.start === instruction.target && range.name !== undefined) return range.name;
    return this.behindStub(instruction.target);
  }

  /** A PLT stub is one jump through a GOT slot (x86-64), perhaps behind an endbr64, or adrp, ldr, add, br (arm64). */
  private behindStub(stub: Addr): string | undefined {
    let page: number | undefined;
    for (let at = stub, n = 0; n < 4; n++) {
      const instruction = this.at(at);
      if (instruction === undefined) return undefined;
      const access = instruction.memory.find((each) => each.read);
      if (access !== undefined && isAbsolute(access)) {
        return this.image.relocationAt(access.address.displacement as Addr)?.symbol?.name;
      }
      if (access !== undefined && page !== undefined && access.address.base !== undefined) {
        return this.image.relocationAt((page + access.address.displacement) as Addr)?.symbol?.name;
      }
      const effect = instruction.effects[0];
      if (effect?.kind === 'register' && effect.value.op === 'constant') page = effect.value.value;
      if (instruction.flow !== 'next') return undefined;
      at = plus(at, instruction.length);
    }
    return undefined;
  }

  neverReturns(callee: string | undefined): boolean {
    return callee !== undefined && NO_RETURN.has(callee.replace(/@.*$/, ''));
  }
}

function isAbsolute(access: Instruction['memory'][number]): boolean {
  const { base, index, threadPointer } = access.address;
  return base === undefined && index === undefined && !threadPointer;
}
