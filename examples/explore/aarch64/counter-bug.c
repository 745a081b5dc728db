/* A per-CPU counter with a real mistake: it counts right in every test, and loses updates in production. */
#include "percpu.h"
#include <rseqlab.h>

static long counter[RSEQLAB_MAX_CPUS];

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
		 I("ldr x9, %[counter]") /* a preemption here disarms the section, and nobody notices */
		 RSEQ_START
		 RSEQ_CHECK
		 I("add x9, x9, #1")
		 I("str x9, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "Q"(counter[cpu]) : "x9", "x10", "memory", "cc" : abort);
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
