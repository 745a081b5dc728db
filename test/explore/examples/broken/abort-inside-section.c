/* The abort handler is the section's own first instruction: up to 6.18 the kernel kills, later ones begin the section again, not armed. */
#include "broken.h"

void count_one(void);
__asm__(".text\n"
	"count_one:\n\t"
	AREA
#ifdef MENDED
	"jmp 5f\n\t"
	".byte 0x0f, 0xb9, 0x3d\n\t"
	".long 0x53053053\n"
	"4:\n"
	"5:\n\t"
	"lea count_cs(%rip), %rcx\n\t"
	"mov %rcx, 8(%rdi)\n"
#else
	"lea count_cs(%rip), %rcx\n\t"
	"jmp 5f\n\t"
	".byte 0x0f, 0xb9, 0x3d\n\t"
	".long 0x53053053\n"
	"5:\n\t"
	"mov %rcx, 8(%rdi)\n"
	"4:\n"
#endif
	"1:\n\t"
	"mov 4(%rdi), %edx\n\t"
	"mov (%rsi,%rdx,8), %rax\n\t"
	"inc %rax\n\t"
	"mov %rax, (%rsi,%rdx,8)\n"
	"2:\n\t"
	"ret\n\t"
	".pushsection __rseq_cs, \"aw\"\n\t"
	".balign 32\n"
	"count_cs: .long 0, 0\n\t"
	".quad 1b, 2b - 1b, 4b\n\t"
	".popsection");

static void increment(void)
{
	count_one();
}
