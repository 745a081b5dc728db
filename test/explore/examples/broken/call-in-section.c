/* Calls a function from the section: interrupted in it the thread is outside, and rseq_cs is cleared. */
#include "broken.h"

void count_one(void);
__asm__(".text\n"
	"add_one:\n\t"
	"inc %rax\n\t"
	"ret\n"
	"count_one:\n\t"
	AREA
	"5:\n\t"
	"lea count_cs(%rip), %rcx\n\t"
	"mov %rcx, 8(%rdi)\n"
	"1:\n\t"
	"mov 4(%rdi), %edx\n\t"
	"mov (%rsi,%rdx,8), %rax\n\t"
#ifdef MENDED
	"inc %rax\n\t"
#else
	"call add_one\n\t"
#endif
	"mov %rax, (%rsi,%rdx,8)\n"
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
