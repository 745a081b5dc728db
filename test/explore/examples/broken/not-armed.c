/* rseq_cs is NULL when the section begins: the kernel knows of none. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
#ifndef MENDED
		 "movq $0, %[rseq_cs]\n\t"
#endif
		 RSEQ_START RSEQ_CHECK COUNT RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
