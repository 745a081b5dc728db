import { type ElfHeaders, ET, PT, SHF } from './headers.js';
import type { ProgramImage } from './image.js';

/** Where a relocatable object's thread-local sections lie in a thread's block: bytes from its beginning, by index of the section. */
export type ThreadSections = ReadonlyMap<number, number>;

export interface ThreadBlock {
  /** Undefined where the file has no thread-local variables. */
  readonly block: ProgramImage['tlsBlock'];
  /** Empty for files that are linked: their symbols say it themselves. */
  readonly sections: ThreadSections;
}

/** Larger ones belong to no program: a damaged file. */
const LARGEST = 2 ** 40;

/** A thread's block: of PT_TLS, or, as a linker would make it, of the object's thread-local sections one behind the other. */
export function threadBlock(headers: ElfHeaders): ThreadBlock {
  const sections = new Map<number, number>();
  if (headers.type !== ET.REL) {
    const segment = headers.programs.find(({ type }) => type === PT.TLS);
    return { block: segment && { size: segment.memsz, align: Math.max(1, segment.align) }, sections };
  }
  let size = 0;
  let align = 1;
  for (const section of headers.sections) {
    if ((section.flags & SHF.TLS) === 0 || (section.flags & SHF.ALLOC) === 0) continue;
    const unit = section.align > 0 && section.align <= 2 ** 24 ? section.align : 1;
    const at = Math.ceil(size / unit) * unit;
    if (section.size > LARGEST || at > LARGEST) break;
    sections.set(section.index, at);
    size = at + section.size;
    align = Math.max(align, unit);
  }
  return { block: size === 0 ? undefined : { size, align }, sections };
}
