/* Pushes a register inside the section and pops it behind: the abort handler has one word more on its stack, and returns to it. */
#include "broken.h"

long try_one(void);	/* 0: counted, -1: aborted */
__asm__(".text\n"
	"try_one:\n\t"
	AREA
#ifdef MENDED
	"push %rbx\n\t"
#endif
	"lea count_cs(%rip), %rcx\n\t"
	"mov %rcx, 8(%rdi)\n"
	"1:\n\t"
#ifndef MENDED
	"push %rbx\n\t"
#endif
	"mov 4(%rdi), %edx\n\t"
	"mov (%rsi,%rdx,8), %rbx\n\t"
	"inc %rbx\n\t"
	"mov %rbx, (%rsi,%rdx,8)\n"
	"2:\n\t"
	"pop %rbx\n\t"
	"xor %eax, %eax\n\t"
	"ret\n\t"
	".byte 0x0f, 0xb9, 0x3d\n\t"
	".long 0x53053053\n"
	"4:\n\t"
#ifdef MENDED
	"pop %rbx\n\t"
#endif
	"mov $-1, %rax\n\t"
	"ret\n\t"
	".pushsection __rseq_cs, \"aw\"\n\t"
	".balign 32\n"
	"count_cs: .long 0, 0\n\t"
	".quad 1b, 2b - 1b, 4b\n\t"
	".popsection");

static void increment(void)
{
	while (try_one())
		;
}
