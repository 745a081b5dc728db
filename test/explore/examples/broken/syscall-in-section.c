/* getpid in the middle of the section. With rseq debugging the kernel kills for it; without, it is only slow. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(
#ifdef MENDED
		 "mov $39, %%eax\n\t"
		 "syscall\n\t"
#endif
		 RSEQ_ARM RSEQ_START RSEQ_CHECK
#ifndef MENDED
		 "mov $39, %%eax\n\t"
		 "syscall\n\t"
#endif
		 COUNT RSEQ_END : : INPUTS(cpu) : CHANGES, "r11" : abort);
	return;
abort:
	goto again;
}
