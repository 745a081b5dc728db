/* Writes cpu_id_start of its struct rseq, as tcmalloc does: 100 times, with 10 ms between, so that a watcher has time to come. */
#include "calls.h"

static struct rseq area;

/* The section tells the static rule which memory is a struct rseq. */
static __attribute__((noinline)) void cache_a_pointer(struct rseq *rseq)
{
	__asm__ volatile(
		".pushsection __rseq_cs,\"aw\"\n\t.balign 32\n"
		"cache_cs:\t.long 0, 0\n\t.quad cache_start, cache_end - cache_start, cache_abort\n\t.popsection\n\t"
		".pushsection __rseq_cs_ptr_array,\"aw\"\n\t.quad cache_cs\n\t.popsection\n\t"
		".pushsection __rseq_failure,\"ax\"\n\t.long 0x53053053\n"
		"cache_abort:\tjmp cache_again\n\t.popsection\n"
		"cache_again:\tlea cache_cs(%%rip),%%rcx\n\t"
		"mov %%rcx,8(%0)\n"
		"cache_start:\tmovl $0x80000000,(%0)\n"
		"cache_end:"
		: : "r"(rseq) : "rcx", "memory");
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
