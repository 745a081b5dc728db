/* The section ends in front of the commit. */
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "mov %[slot], %%rax\n\t"
		 "inc %%rax\n"
#ifdef MENDED
		 "mov %%rax, %[slot]\n"
		 RSEQ_END
#else
		 RSEQ_END "\n\t"
		 "mov %%rax, %[slot]\n"
#endif
		 : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
