/*
 * Programs of memory accesses, one a task: the test writes their code (assembler.ts) over the text in each of these functions. %r10 is the
 * address of the shared memory; %rbx is to be restored.
 */
#include <rseqlab.h>

__attribute__((aligned(64), used)) char shared[128];

#define PROGRAM(n)								\
	void program_##n(void);							\
	__asm__(".text\n"							\
		"program_" #n ": push %rbx\n"					\
		"lea shared(%rip), %r10\n"					\
		".ascii \"the code of " #n "\"\n"				\
		".fill 300, 1, 0xcc\n"						\
		".type program_" #n ", @function\n"				\
		".size program_" #n ", . - program_" #n "\n");
PROGRAM(0)
PROGRAM(1)
PROGRAM(2)
PROGRAM(3)

static void membarrier(long command)
{
	long result = 324;

	__asm__ volatile("syscall" : "+a"(result) : "D"(command), "S"(0L), "d"(0L) : "rcx", "r11", "memory");
	rseqlab_assert(result == 0);
}

#define SCENARIO(name)									\
	RSEQLAB_SCENARIO(name, "")							\
	RSEQLAB_SETUP(name) { membarrier(16); }	/* REGISTER_PRIVATE_EXPEDITED */
#define TASK(name, n)	RSEQLAB_TASK(name, p##n) { program_##n(); }

SCENARIO(two) TASK(two, 0) TASK(two, 1)
SCENARIO(three) TASK(three, 0) TASK(three, 1) TASK(three, 2)
SCENARIO(four) TASK(four, 0) TASK(four, 1) TASK(four, 2) TASK(four, 3)
