/* The descriptor is on the stack, and rseq_cs still points at it when the function has returned and the stack holds something else. */
#define OTHER_SCENARIO
#include "broken.h"

static __attribute__((noinline)) void use_stack(void)
{
	volatile uint64_t words[10];

	for (int n = 9; n >= 0; n--)
		words[n] = 0x5a5a5a5a5a5a5a5a;
	(void)words[0];
}

static __attribute__((noinline)) void increment(void)
{
	struct {
		uint32_t version, flags;
		uint64_t start, length, abort;
	} __attribute__((aligned(32))) cs;
again:;
	uint32_t cpu = rseq_index();

	asm goto("lea %[cs], %%rdx\n\t"
		 "movq $0, (%%rdx)\n\t"
		 "lea 1f(%%rip), %%rcx\n\t"
		 "mov %%rcx, 8(%%rdx)\n\t"
		 "movq $2f - 1f, 16(%%rdx)\n\t"
		 "lea 4f(%%rip), %%rcx\n\t"
		 "mov %%rcx, 24(%%rdx)\n\t"
		 "mov %%rdx, %[rseq_cs]\n\t"
		 RSEQ_START RSEQ_CHECK COUNT RSEQ_END : : INPUTS(cpu), [cs] "m"(cs) : CHANGES : abort);
#ifdef MENDED
	WRITE_ONCE(rseq_self()->rseq_cs, 0);
#endif
	return;
abort:
#ifdef MENDED
	WRITE_ONCE(rseq_self()->rseq_cs, 0);
#endif
	goto again;
}

RSEQLAB_SCENARIO(dangling, "no thread is killed")
RSEQLAB_TASK(dangling, one) { increment(); use_stack(); }
RSEQLAB_TASK(dangling, two) { increment(); use_stack(); }
