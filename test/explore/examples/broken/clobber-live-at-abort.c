/* What is to be added is in a register that the section uses for the sum: after an abort the sum is added. */
#define START 1
#include "broken.h"

void count_one(void);
__asm__(".text\n"
	"count_one:\n\t"
	AREA
	"mov $1, %r8d\n"
	"5:\n\t"
	"lea count_cs(%rip), %rcx\n\t"
	"mov %rcx, 8(%rdi)\n"
	"1:\n\t"
	"mov 4(%rdi), %edx\n\t"			/* cpu_id, read inside */
#ifdef MENDED
	"mov (%rsi,%rdx,8), %rax\n\t"
	"add %r8, %rax\n\t"
	"mov %rax, (%rsi,%rdx,8)\n"
#else
	"add (%rsi,%rdx,8), %r8\n\t"
	"mov %r8, (%rsi,%rdx,8)\n"
#endif
	"2:\n\t"
	"ret\n\t"
	".byte 0x0f, 0xb9, 0x3d\n\t"
	".long 0x53053053\n"
	"4: jmp 5b\n\t"
	".pushsection __rseq_cs, \"aw\"\n\t"
	".balign 32\n"
	"count_cs: .long 0, 0\n\t"
	".quad 1b, 2b - 1b, 4b\n\t"
	".popsection");

static void increment(void)
{
	count_one();
}
