import type { ProgramImage, Relocation } from '../../binary/image.js';
import type { Arch } from '../arch/index.js';
import type { Kernel } from '../kernel.js';
import { readForced, writeForced } from '../mm/forced.js';
import { ProgramError } from '../program-error.js';
import type { Task } from '../state.js';
import type { ThreadTemplate } from './thread-template.js';

/** A thread pointer is the beginning of a page. */
const LARGEST_ALIGN = 4096;
const LARGEST_BLOCK = 1 << 20;

/** Of the object's thread-local variables; undefined where it has none. Throws ProgramError where a thread cannot have them. */
export function threadTemplate(image: ProgramImage): ThreadTemplate | undefined {
  refuse(image);
  const { tlsBlock: block, threadSections } = image;
  if (block === undefined) return undefined;
  if (block.align > LARGEST_ALIGN || block.size > LARGEST_BLOCK)
    throw new ProgramError(
      `${image.name} has thread-local variables of ${block.size} bytes, aligned to ${block.align}; an object can have ${LARGEST_BLOCK}, aligned to ${LARGEST_ALIGN}`,
    );
  const parts = image.sections.flatMap(({ index, address, size }) => {
    const to = threadSections?.get(index);
    return to === undefined || address === undefined ? [] : [{ from: address, to, size }];
  });
  return { size: Math.ceil(block.size / block.align) * block.align, align: block.align, parts };
}

/** By __tls_get_addr or a descriptor's function: what position-independent code for shared libraries does. */
const isCall = ({ kind, typeName }: Relocation): boolean =>
  kind === 'tls-module' || /TLSDESC|DTPOFF/.test(typeName);

function refuse({ name, relocations }: ProgramImage): void {
  const uses = relocations.filter((each) => each.kind.startsWith('tls-') || isCall(each));
  if (uses.some(isCall))
    throw new ProgramError(
      `${name} finds thread-local variables by a call, as shared libraries do; compile it without -fPIC, or with -ftls-model=local-exec`,
    );
  const unknown = uses.flatMap(({ symbol }) =>
    symbol !== undefined && symbol.address === undefined ? [symbol.name] : [],
  );
  if (unknown.length > 0)
    throw new ProgramError(
      `${name} uses ${[...new Set(unknown)].join(', ')}, thread-local, which it does not define: link what does into it (gcc -r)`,
    );
}

/** Bytes of the block with a thread's struct rseq. */
const BLOCK = 4096;
/** ELF TLS ABI, variant I: what stands at the thread pointer itself. */
const CONTROL_BLOCK = 16;
/** Where struct rseq is in its block. */
const RSEQ = 64;

/** Where a thread's struct rseq is, from its thread pointer: in the block that begins there, or, where that is its variables' place, in the block in front. */
export const rseqOffset = ({ convention }: Arch): number =>
  convention.variables === 'below' ? RSEQ : RSEQ - BLOCK;

/** Where the block of variables begins, from the thread pointer. */
export function variablesAt(
  { convention }: Arch,
  { size, align }: { readonly size: number; readonly align: number },
): number {
  return convention.variables === 'below' ? -size : Math.max(CONTROL_BLOCK, align);
}

/** Bytes that a thread needs below its pointer, its stack left out, and above it. */
export function threadBytes(kernel: Kernel): { readonly below: number; readonly above: number } {
  const { size = 0, align = 1 } = kernel.state.scenario?.threads ?? {};
  if (kernel.arch.convention.variables === 'below') return { below: Math.ceil(size / 64) * 64, above: BLOCK };
  return { below: BLOCK, above: Math.max(CONTROL_BLOCK, align) + size };
}

/** A new thread's variables: as the file has them. */
export function giveVariables(kernel: Kernel, { mm }: Task, pointer: number): void {
  const { size = 0, align = 1, parts = [] } = kernel.state.scenario?.threads ?? {};
  const block = pointer + variablesAt(kernel.arch, { size, align });
  for (const part of parts)
    writeForced(kernel, mm, block + part.to, readForced(kernel, mm, part.from, part.size));
}
