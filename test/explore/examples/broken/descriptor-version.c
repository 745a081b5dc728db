/* The descriptor says version 1: up to 6.18 the kernel kills, with debugging later too. */
#include "broken.h"

#ifdef MENDED
#define FIRST ".long 0, 0\n\t"
#else
#define FIRST ".long 1, 0\n\t"
#endif

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(".pushsection __rseq_cs, \"aw\"\n\t"
		 ".balign 32\n"
		 "3:\n\t"
		 FIRST
		 ".quad 1f, 2f - 1f, 4f\n\t"
		 ".popsection\n\t"
		 "lea 3b(%%rip), %%rcx\n\t"
		 "mov %%rcx, %[rseq_cs]\n\t"
		 RSEQ_START RSEQ_CHECK COUNT RSEQ_END : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
