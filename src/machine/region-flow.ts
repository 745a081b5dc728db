import { FloatEmitter } from './float-code.js';
import type { Fold } from './fold.js';
import type { Region, RegionBlock } from './region.js';
import { successorsOf } from './region.js';
import { reversePostorder, type Scope, scopesFor } from './structure.js';
import { OP, TYPE } from './wasm/opcodes.js';

/** The blocks with the entry first, and each behind those that lead to it. */
function ordered({ entry, blocks, returns }: Region): RegionBlock[] {
  const first = blocks.findIndex(({ start }) => start === entry);
  const turned = [blocks[first]!, ...blocks.slice(0, first), ...blocks.slice(first + 1)];
  return reversePostorder(successorsOf(turned, returns)).map((number) => turned[number]!);
}

/** Can its jumps be said by scopes, without a dispatcher? */
export const isStructured = (region: Region): boolean =>
  scopesFor(successorsOf(ordered(region), region.returns)) !== undefined;

/**
 * Blocks of a region and the jumps between them:
 *
 *   block $out                        every way out jumps to its end
 *     <blocks>                        in scopes that their jumps lead to (structure.ts)
 *   end
 *
 * Where no scopes will do, a dispatcher leads from block to block:
 *
 *     loop $dispatch
 *       block ... block               one for each basic block; control goes to number $block
 *         br_table $block
 *       end  <block 0>  end  <block 1> ...
 */
export abstract class FlowEmitter extends FloatEmitter {
  private readonly blocks: readonly RegionBlock[];
  private readonly numbers: ReadonlyMap<bigint, number>;
  private readonly scopes: readonly Scope[] | undefined;
  private readonly block = this.local('i32');
  /** The `if`s around the code under way, and the scopes around those: how far out a jump leads. */
  private ifs = 0;
  private open: Scope[] = [];
  private current = 0;

  constructor(
    protected readonly region: Region,
    fold: Fold | undefined,
  ) {
    super(fold);
    this.blocks = ordered(region);
    this.numbers = new Map(this.blocks.map(({ start }, number) => [start, number]));
    this.scopes = scopesFor(successorsOf(this.blocks, region.returns));
  }

  protected abstract blockCode(block: RegionBlock): void;

  protected flow(): void {
    const { code } = this;
    code.byte(OP.block, TYPE.empty);
    this.beforeBlocks();
    if (this.scopes === undefined) this.dispatched();
    else this.nested(this.scopes);
    code.byte(OP.end);
  }

  protected abstract beforeBlocks(): void;

  private nested(scopes: readonly Scope[]): void {
    const { code } = this;
    for (const [number, block] of this.blocks.entries()) {
      while (this.open.at(-1)?.end === number) {
        this.open.pop();
        code.byte(OP.end);
      }
      for (const scope of scopes.filter(({ start }) => start === number)) {
        this.open.push(scope);
        code.byte(scope.kind === 'loop' ? OP.loop : OP.block, TYPE.empty);
      }
      this.current = number;
      this.blockCode(block);
    }
    for (; this.open.length > 0; this.open.pop()) code.byte(OP.end);
  }

  private dispatched(): void {
    const { code, blocks } = this;
    code.byte(OP.loop, TYPE.empty);
    this.open = [{ kind: 'loop', start: 0, end: 0 }];
    for (const end of [...blocks.keys()].reverse()) {
      this.open.push({ kind: 'block', start: 0, end });
      code.byte(OP.block, TYPE.empty);
    }
    code
      .byte(OP.localGet)
      .u32(this.block)
      .byte(OP.brTable)
      .u32(blocks.length - 1);
    for (const number of blocks.keys()) code.u32(number);
    for (const [number, block] of blocks.entries()) {
      this.open.pop();
      code.byte(OP.end);
      this.current = number;
      this.blockCode(block);
    }
    this.open.pop();
    code.byte(OP.end);
  }

  /** To the region's block at an address: falls into the one that stands next. False where nothing leads there. */
  protected jump(target: bigint): boolean {
    const { code } = this;
    const number = this.numbers.get(target);
    if (number === undefined) return false;
    if (this.scopes === undefined) {
      this.i32(number);
      code
        .byte(OP.localSet)
        .u32(this.block)
        .byte(OP.br)
        .u32(this.ifs + this.open.length - 1);
      return true;
    }
    if (number === this.current + 1 && this.ifs === 0) return true;
    const position = this.open.findLastIndex((scope) =>
      number > this.current
        ? scope.kind === 'block' && scope.end === number
        : scope.kind === 'loop' && scope.start === number,
    );
    // A call to the region's own entry is a jump that no scope was made for.
    if (position === -1) return false;
    code.byte(OP.br).u32(this.ifs + this.open.length - 1 - position);
    return true;
  }

  protected jumpOut(): void {
    this.code.byte(OP.br).u32(this.ifs + this.open.length);
  }

  protected override ifTrue(body: () => void): void {
    this.ifs++;
    super.ifTrue(body);
    this.ifs--;
  }
}
