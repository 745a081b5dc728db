/*
 * A signal handler that uses the same section as the thread that it interrupts. With -DBARE the counter belongs to one thread, which does without a
 * section: mov, inc, mov. The signal alone breaks that, on one CPU.
 */
#include "operations.h"
#include <rseqlab.h>

static intptr_t counter[RSEQLAB_MAX_CPUS];
static long arrived[2];

static void increment(void)
{
#ifdef BARE
	WRITE_ONCE(counter[0], READ_ONCE(counter[0]) + 1);
#else
	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t count = READ_ONCE(counter[cpu]);

		if (!load_cbne_store(&counter[cpu], count, count + 1, cpu))
			return;
	}
#endif
}

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counter[cpu] = 0;
	arrived[0] = arrived[1] = 0;
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	return total;
}

#define SCENARIO(name, tasks)									\
	RSEQLAB_SCENARIO(name, "no increment is lost, the handler's neither")			\
	RSEQLAB_SETUP(name) { reset(); }							\
	RSEQLAB_INVARIANT(name) { return sum() <= tasks + 1; }					\
	RSEQLAB_FINALLY(name) { rseqlab_assert(sum() == tasks + arrived[0]); }

SCENARIO(one, 1)
RSEQLAB_TASK(one, thread) { increment(); }
RSEQLAB_SIGNAL(one, thread, 10) { increment(); arrived[0] = 1; }
#ifndef BARE
SCENARIO(two, 2)
RSEQLAB_TASK(two, thread) { increment(); }
RSEQLAB_TASK(two, other) { increment(); }
RSEQLAB_SIGNAL(two, thread, 10) { increment(); arrived[0] = 1; }

SCENARIO(three, 3)
RSEQLAB_TASK(three, thread) { increment(); }
RSEQLAB_TASKS(three, other, 2) { increment(); }
RSEQLAB_SIGNAL(three, thread, 10) { increment(); arrived[0] = 1; }
#endif
