/* Another function jumps to the section's middle, to save itself the code: that increment is protected by nothing. */
#define OTHER_SCENARIO
#include "broken.h"

void count_one(void), count_here(void);
__asm__(".text\n"
	"count_one:\n\t"
	AREA
	"5:\n\t"
	"lea count_cs(%rip), %rcx\n\t"
	"mov %rcx, 8(%rdi)\n"
	"1:\n\t"
	"mov 4(%rdi), %edx\n"
	"6:\n\t"
	"mov (%rsi,%rdx,8), %rax\n\t"
	"inc %rax\n\t"
	"mov %rax, (%rsi,%rdx,8)\n"
	"2:\n\t"
	"ret\n\t"
	".byte 0x0f, 0xb9, 0x3d\n\t"
	".long 0x53053053\n"
	"4: jmp 5b\n"
	"count_here:\n\t"
	AREA
#ifdef MENDED
	"jmp 5b\n\t"
#else
	"mov 4(%rdi), %edx\n\t"
	"jmp 6b\n\t"
#endif
	".pushsection __rseq_cs, \"aw\"\n\t"
	".balign 32\n"
	"count_cs: .long 0, 0\n\t"
	".quad 1b, 2b - 1b, 4b\n\t"
	".popsection");

RSEQLAB_SCENARIO(count, "no increment is lost, and none is made twice")
RSEQLAB_SETUP(count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		slots[cpu] = 0;
}
RSEQLAB_TASK(count, one) { count_one(); }
RSEQLAB_TASK(count, here) { count_here(); }
RSEQLAB_FINALLY(count) { rseqlab_assert(sum() == 2); }
