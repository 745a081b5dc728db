/* A tracer that does nothing: the stop alone aborts a section. */
#include "percpu.h"
#include <rseqlab.h>

static long counter[RSEQLAB_MAX_CPUS], stops;

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
		 RSEQ_START
		 RSEQ_CHECK
		 I("mov %[counter], %%rax")
		 I("inc %%rax")
		 I("mov %%rax, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(counter[cpu]) : "rax", "rcx", "memory", "cc" : abort);
	return;
abort:
	goto again;
}

RSEQLAB_SCENARIO(stopped, "a stop aborts")
RSEQLAB_SETUP(stopped)
{
	stops = 0;
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counter[cpu] = 0;
}
RSEQLAB_TASK(stopped, one) { increment(); }
RSEQLAB_TASK(stopped, other) { increment(); }
RSEQLAB_TRACER(stopped, one, thread)
{
	(void)thread;
	stops |= 1;
}
RSEQLAB_FINALLY(stopped)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	rseqlab_assert(total == 2);
}
