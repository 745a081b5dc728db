/* An instruction between the store to rseq_cs and start_ip: interrupted there the thread is not yet inside, so the kernel clears rseq_cs. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
#ifndef MENDED
		 "nop\n\t"
#endif
		 RSEQ_START RSEQ_CHECK COUNT RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
