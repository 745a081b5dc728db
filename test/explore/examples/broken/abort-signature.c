/* The signature in front of the abort handler is not the registered one: the kernel kills whom it would abort. */
#include "broken.h"

#ifdef MENDED
#define SIGNATURE "0x53053053"
#else
#define SIGNATURE "0x35035035"
#endif

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK COUNT
		 "2:\n\t"
		 ".pushsection __rseq_failure, \"ax\"\n\t"
		 ".byte 0x0f, 0xb9, 0x3d\n\t"
		 ".long " SIGNATURE "\n"
		 "4: jmp %l[abort]\n\t"
		 ".popsection" : : INPUTS(cpu) : CHANGES : abort);
	return;
abort:
	goto again;
}
