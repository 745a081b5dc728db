/* A per-CPU counter with a real mistake: it counts right in every test, and loses updates in production. */
#include "percpu.h"
#include <rseqlab.h>

static long counter[RSEQLAB_MAX_CPUS];

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
		 I("mov %[counter], %%rax") /* a preemption here disarms the section, and nobody notices */
		 RSEQ_START
		 RSEQ_CHECK
		 I("inc %%rax")
		 I("mov %%rax, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(counter[cpu]) : "rax", "rcx", "memory", "cc" : abort);
	return;
abort:
	goto again;
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	return total;
}

RSEQLAB_SCENARIO(count, "no increment is lost")
RSEQLAB_SETUP(count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counter[cpu] = 0;
}
RSEQLAB_TASK(count, one) { increment(); }
RSEQLAB_TASK(count, two) { increment(); }
RSEQLAB_FINALLY(count) { rseqlab_assert(sum() == 2); }
