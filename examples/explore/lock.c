/*
 * A lock per CPU, taken without an atomic instruction: load_cbne_store of 1 over 0. Its holder may lose the CPU and go on elsewhere. With
 * -DHANDLER a signal handler takes it too: if it has interrupted the holder, it waits for ever for what it interrupts.
 */
#include "operations.h"
#include <rseqlab.h>

static struct {
	intptr_t held;
	long count;
} locked[RSEQLAB_MAX_CPUS];

static uint32_t lock(void)
{
	uint32_t cpu;

	do
		cpu = rseq_index();
	while (load_cbne_store(&locked[cpu].held, 0, 1, cpu));
	return cpu;
}

static void unlock(uint32_t cpu)
{
	__atomic_store_n(&locked[cpu].held, 0, __ATOMIC_RELEASE);
}

static void increment(void)
{
	uint32_t cpu = lock();

	WRITE_ONCE(locked[cpu].count, READ_ONCE(locked[cpu].count) + 1);
	unlock(cpu);
}

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		locked[cpu].held = locked[cpu].count = 0;
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += locked[cpu].count;
	return total;
}

#define SCENARIO(name, tasks)									\
	RSEQLAB_SCENARIO(name, "one thread at a time holds a CPU's lock")			\
	RSEQLAB_SETUP(name) { reset(); }							\
	RSEQLAB_TASKS(name, locker, tasks) { increment(); }					\
	RSEQLAB_FINALLY(name) { rseqlab_assert(sum() == tasks); }

SCENARIO(lock2, 2)
SCENARIO(lock3, 3)
SCENARIO(lock4, 4)

#ifdef HANDLER
RSEQLAB_SCENARIO(handler, "one thread at a time holds a CPU's lock, and gets it")
RSEQLAB_SETUP(handler) { reset(); }
RSEQLAB_TASK(handler, locker) { increment(); }
RSEQLAB_SIGNAL(handler, locker, 10) { increment(); }
#endif
