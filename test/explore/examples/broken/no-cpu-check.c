/* The slot is that of the CPU where the thread was before the section; nothing in it asks whether it still is there. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START
#ifdef MENDED
		 RSEQ_CHECK
#endif
		 COUNT RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
