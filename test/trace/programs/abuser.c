/* Writes cpu_id_start of its struct rseq, as tcmalloc does: 100 times, with 10 ms between, so that a watcher has time to come. */
#include "calls.h"

static struct rseq area;

static __attribute__((noinline)) void cache_a_pointer(struct rseq *rseq)
{
	__asm__ volatile("movl $0x80000000,(%0)" : : "r"(rseq) : "memory");
}

__attribute__((used)) static int program(long argc, char **argv)
{
	u64 pause[2] = { 0, 10000000 };
	(void)argc, (void)argv;
	if (call(RSEQ, (long)&area, sizeof area, 0, SIGNATURE) != 0)
		return 2;
	for (int n = 0; n < 100; n++) {
		cache_a_pointer(&area);
		call(NANOSLEEP, (long)pause, 0, 0, 0);
	}
	return 0;
}
