/* 300 threads, each with a registration of its own, which wait until the last is there, and then end. */
#include "calls.h"
#define THREADS 300

static struct rseq areas[THREADS];
static volatile int there;
enum { CLONE = 56, FUTEX = 202 };
static char stacks[THREADS][1024] __attribute__((aligned(16)));
static volatile int left = THREADS;

static void work(struct rseq *rseq)
{
	u64 pause[2] = { 0, 1000000 };
	if (call(RSEQ, (long)rseq, sizeof *rseq, 0, SIGNATURE) != 0)
		call(231, 2, 0, 0, 0);
	__atomic_add_fetch(&there, 1, __ATOMIC_SEQ_CST);
	while (there < THREADS)
		call(NANOSLEEP, (long)pause, 0, 0, 0);
	__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST);
}

static void start(int thread)
{
	void **top = (void **)(stacks[thread] + sizeof stacks[thread]);
	long result;
	*--top = &areas[thread];
	*--top = (void *)work;
	__asm__ volatile("xor %%edx,%%edx\n\txor %%r10d,%%r10d\n\txor %%r8d,%%r8d\n\tsyscall\n\ttest %%eax,%%eax\n\tjnz 1f\n\t"
			 "pop %%rax\n\tpop %%rdi\n\tcall *%%rax\n\tmov $60,%%eax\n\txor %%edi,%%edi\n\tsyscall\n1:"
			 : "=a"(result) : "a"(CLONE), "D"(0x50f00), "S"(top) : "rcx", "rdx", "r8", "r10", "r11", "memory");
}

__attribute__((used)) static int program(long argc, char **argv)
{
	u64 pause[2] = { 0, 1000000 };
	(void)argc, (void)argv;
	for (int thread = 0; thread < THREADS; thread++)
		start(thread);
	while (left > 0)
		call(NANOSLEEP, (long)pause, 0, 0, 0);
	return 0;
}
