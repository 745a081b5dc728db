/* One harmless instruction between the commit and the section's end: aborted there, the increment is made again. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK COUNT
#ifndef MENDED
		 "xor %%eax, %%eax\n"
#endif
		 RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
