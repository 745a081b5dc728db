/* Writes cpu_id_start, which is the kernel's. Up to 6.18 the kernel writes it again at the next switch; 7.1 kills for it. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = READ_ONCE(rseq_self()->cpu_id);

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK COUNT RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
#ifndef MENDED
	WRITE_ONCE(rseq_self()->cpu_id_start, 0xffff);
#endif
	return;
abort:
	goto again;
}
