/**
 * TASK_SIZE: the first address that is not user space. The kernel rejects start_ip, abort_ip, rseq_cs and the area
 * itself at or above it. It depends on paging mode and configuration; a tool that sees only a file must compare
 * with `largest`.
 */
import type { Architecture } from './architecture.js';

/** First address that is not user space, in bytes. */
export interface TaskSize {
  /** With the common configuration. */
  readonly usual: bigint;
  /** With the largest address space the architecture can be configured for. */
  readonly largest: bigint;
  readonly note: string;
  readonly source: string;
}

/** By architecture. */
export const TASK_SIZE: Readonly<Record<Architecture, TaskSize>> = {
  'x86-64': {
    usual: 0x7fff_ffff_f000n,
    largest: 0xff_ffff_ffff_f000n,
    note: '2^47 less a page; with 5-level paging (LA57) 2^56 less a page',
    source: 'arch/x86/include/asm/page_64.h TASK_SIZE_MAX',
  },
  i386: {
    usual: 0xffff_e000n,
    largest: 0xffff_e000n,
    note: 'under a 64-bit kernel; 0xc0000000 under a 32-bit one with the 3G/1G split',
    source: 'arch/x86/include/asm/page_64_types.h IA32_PAGE_OFFSET',
  },
  aarch64: {
    usual: 0x1_0000_0000_0000n,
    largest: 0x10_0000_0000_0000n,
    note: '2^48; 2^39 to 2^52 by configuration',
    source: 'arch/arm64/include/asm/processor.h TASK_SIZE_64',
  },
  arm: {
    usual: 0xbf00_0000n,
    largest: 0xffff_ffffn,
    note: 'PAGE_OFFSET less 16 MiB with the 3G/1G split; 4 GiB for a 32-bit process of an arm64 kernel',
    source: 'arch/arm/include/asm/memory.h TASK_SIZE',
  },
  ppc64: {
    usual: 0x8000_0000_0000n,
    largest: 0x10_0000_0000_0000n,
    note: '2^47 unless mapped above on request; 2^52 with 64 KiB pages',
    source: 'arch/powerpc/include/asm/task_size_64.h',
  },
  ppc: {
    usual: 0xc000_0000n,
    largest: 0xffff_ffffn,
    note: 'CONFIG_TASK_SIZE',
    source: 'arch/powerpc/include/asm/task_size_32.h',
  },
  s390x: {
    usual: 0x20_0000_0000_0000n,
    largest: 0xffff_ffff_ffff_f000n,
    note: 'grows with the mappings of the process (4 or 5 page table levels)',
    source: 'arch/s390/include/asm/processor.h TASK_SIZE',
  },
  s390: {
    usual: 0x8000_0000n,
    largest: 0x8000_0000n,
    note: '31-bit addresses',
    source: 'arch/s390/include/asm/processor.h TASK_SIZE',
  },
  riscv64: {
    usual: 0x40_0000_0000n,
    largest: 0x100_0000_0000_0000n,
    note: 'Sv39 2^38, Sv48 2^47, Sv57 2^56',
    source: 'arch/riscv/include/asm/pgtable.h TASK_SIZE_64',
  },
  riscv32: {
    usual: 0x9c00_0000n,
    largest: 0xc000_0000n,
    note: 'FIXADDR_START, depends on the configuration',
    source: 'arch/riscv/include/asm/pgtable.h TASK_SIZE',
  },
  mips: {
    usual: 0x8000_0000n,
    largest: 0x1_0000_0000_0000n,
    note: '2 GiB for 32-bit processes; 2^40 or 2^48 for 64-bit ones',
    source: 'arch/mips/include/asm/processor.h TASK_SIZE',
  },
  loongarch64: {
    usual: 0x8000_0000_0000n,
    largest: 0x100_0000_0000_0000n,
    note: 'half of what the CPU decodes',
    source: 'arch/loongarch/include/asm/processor.h TASK_SIZE64',
  },
};
