/* Counters per CPU: load_add_store, and load_add_load_load_add_store, which finds the counter through a pointer. */
#include "operations.h"
#include <rseqlab.h>

static intptr_t counter[RSEQLAB_MAX_CPUS];
static struct {
	intptr_t *unused, *counter;
} where[RSEQLAB_MAX_CPUS];

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++) {
		counter[cpu] = 0;
		where[cpu].counter = &counter[cpu];
	}
}

static intptr_t sum(void)
{
	intptr_t total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	return total;
}

static void add(intptr_t count)
{
	uint32_t cpu;

	do
		cpu = rseq_index();
	while (load_add_store(&counter[cpu], count, cpu));
}

static void add_by_pointer(intptr_t count)
{
	uint32_t cpu;

	do
		cpu = rseq_index();
	while (load_add_load_load_add_store(&where[cpu].unused, sizeof(intptr_t *), count, cpu));
}

#define COUNT(name, function, tasks)						\
	RSEQLAB_SCENARIO(name, "nothing that is added is lost")			\
	RSEQLAB_SETUP(name) { reset(); }					\
	RSEQLAB_TASKS(name, adder, tasks) { function(3); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(sum() == 3 * tasks); }

COUNT(add2, add, 2)
COUNT(add3, add, 3)
COUNT(add4, add, 4)
COUNT(deref2, add_by_pointer, 2)
COUNT(deref3, add_by_pointer, 3)
COUNT(deref4, add_by_pointer, 4)

/* Nothing is asserted: only what runs one after the other may give is right. */
RSEQLAB_SCENARIO(serial, "the same as one after the other")
RSEQLAB_TASK(serial, twice) { add(1); rseqlab_operation(); add(2); }
RSEQLAB_TASK(serial, once) { add(4); }
