/* Leaves the section for a block elsewhere and comes back: interrupted out there the thread is outside, and rseq_cs is cleared. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "mov %[slot], %%rax\n\t"
#ifdef MENDED
		 "inc %%rax\n\t"
#else
		 "jmp 6f\n"
		 "5:\n\t"
#endif
		 "mov %%rax, %[slot]\n"
		 RSEQ_END
#ifndef MENDED
		 "\n\t"
		 ".pushsection .text.unlikely, \"ax\"\n"
		 "6:\n\t"
		 "inc %%rax\n\t"
		 "jmp 5b\n\t"
		 ".popsection"
#endif
		 : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
