/* The same scenarios for two architectures. -DLATE and -DWIDE: with a mistake. */
#include "sections.h"
#include <rseqlab.h>

static long counters[RSEQLAB_MAX_CPUS];
static struct node *lists[RSEQLAB_MAX_CPUS];
static struct node nodes[3];
static long buffer[RSEQLAB_MAX_CPUS][4], *ends[RSEQLAB_MAX_CPUS];
static long shared, word;
static int lock;
static long inside, turns;
static __thread long mine = 5, zero;

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++) {
		counters[cpu] = 0;
		lists[cpu] = 0;
		ends[cpu] = buffer[cpu];
	}
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counters[cpu];
	return total;
}

static int linked(const struct node *node)
{
	int found = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++) {
		int length = 0;

		for (struct node *at = lists[cpu]; at; at = at->next) {
			found += at == node;
			if (++length > 3)
				return 100;
		}
	}
	return found;
}

RSEQLAB_SCENARIO(count, "no increment is lost")
RSEQLAB_SETUP(count) { reset(); }
RSEQLAB_TASKS(count, adder, 2) { percpu_add(counters, 1); }
RSEQLAB_FINALLY(count) { rseqlab_assert(sum() == 2); }

RSEQLAB_SCENARIO(count3, "no increment of three is lost")
RSEQLAB_SETUP(count3) { reset(); }
RSEQLAB_TASKS(count3, adder, 3) { percpu_add(counters, 1); }
RSEQLAB_FINALLY(count3) { rseqlab_assert(sum() == 3); }

/* A handler interrupts a section, and has one of its own. */
RSEQLAB_SCENARIO(signal, "a handler's increments are not lost")
RSEQLAB_SETUP(signal) { reset(); }
RSEQLAB_TASK(signal, one) { percpu_add(counters, 1); }
RSEQLAB_TASK(signal, two) { percpu_add(counters, 2); }
RSEQLAB_SIGNAL(signal, one, 10) { percpu_add(counters, 4); }
RSEQLAB_FINALLY(signal) { rseqlab_assert(sum() == 3 || sum() == 7); }

/* Nothing is asserted: runs one after the other say what is right. */
RSEQLAB_SCENARIO(serial, "as one after the other")
RSEQLAB_SETUP(serial) { reset(); }
RSEQLAB_TASK(serial, twice) { percpu_add(counters, 1); rseqlab_operation(); percpu_add(counters, 2); }
RSEQLAB_TASK(serial, once) { percpu_add(counters, 4); }

/* All nodes are in one list; a node that is popped is pushed again. */
RSEQLAB_SCENARIO(list, "no node is lost, and none is there twice")
RSEQLAB_SETUP(list)
{
	reset();
	nodes[0].next = &nodes[1];
	nodes[1].next = 0;
	for (int cpu = 0; cpu < 1; cpu++)
		lists[cpu] = &nodes[0];
}
RSEQLAB_TASK(list, popper)
{
	struct node *node = percpu_pop(lists);

	rseqlab_result(!node ? -1 : node - nodes);
	if (node)
		percpu_push(lists, node);
}
RSEQLAB_TASK(list, swapper)
{
	struct node *first = percpu_pop(lists), *second = percpu_pop(lists);

	if (first)
		percpu_push(lists, first);
	if (second)
		percpu_push(lists, second);
}
RSEQLAB_FINALLY(list) { rseqlab_assert(linked(&nodes[0]) == 1 && linked(&nodes[1]) == 1); }

RSEQLAB_SCENARIO(append, "no value is lost")
RSEQLAB_SETUP(append) { reset(); }
RSEQLAB_TASK(append, one) { percpu_append(ends, 1); }
RSEQLAB_TASK(append, two) { percpu_append(ends, 2); percpu_append(ends, 4); }
RSEQLAB_INVARIANT(append)
{
	for (int cpu = 0; cpu < 2; cpu++)
		for (long *at = buffer[cpu]; at < ends[cpu]; at++)
			if (*at == 0)
				return 0;
	return 1;
}
RSEQLAB_FINALLY(append)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (long *at = buffer[cpu]; at < ends[cpu]; at++)
			total += *at;
	rseqlab_assert(total == 7);
}

/* Atomic instructions; on AArch64 exclusive pairs, unless it is compiled for more than armv8-a. */
RSEQLAB_SCENARIO(atomic, "an atomic addition is one")
RSEQLAB_SETUP(atomic) { shared = 0; }
RSEQLAB_TASKS(atomic, adder, 2) { rseqlab_result(__atomic_fetch_add(&shared, 3, __ATOMIC_SEQ_CST)); }
RSEQLAB_SIGNAL(atomic, adder, 10) { __atomic_fetch_add(&shared, 3, __ATOMIC_SEQ_CST); }
RSEQLAB_FINALLY(atomic) { rseqlab_assert(shared == 6 || shared == 9 || shared == 12); }

/* Without them an addition is lost. */
RSEQLAB_SCENARIO(torn, "two stores of a sum are as good as one")
RSEQLAB_SETUP(torn) { shared = 0; }
RSEQLAB_TASKS(torn, adder, 2) { WRITE_ONCE(shared, READ_ONCE(shared) + 3); }
RSEQLAB_FINALLY(torn) { rseqlab_assert(shared == 6); }

/* An exclusive pair on a task's own stack, which a handler may come into. */
RSEQLAB_SCENARIO(own, "what is on the stack is atomic too")
RSEQLAB_TASKS(own, adder, 2)
{
	long local = 1;

	__asm__ volatile("" : : "r"(&local) : "memory");
	__atomic_fetch_add(&local, 2, __ATOMIC_RELAXED);
	__asm__ volatile("" : : "r"(&local) : "memory");
	rseqlab_result(local);
}
RSEQLAB_SIGNAL(own, adder, 10) { word = 1; }
RSEQLAB_FINALLY(own) { }

RSEQLAB_SCENARIO(lock, "one at a time")
RSEQLAB_SETUP(lock) { lock = 0; inside = turns = 0; }
RSEQLAB_TASKS(lock, taker, 2)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		;
	rseqlab_assert(inside == 0);
	WRITE_ONCE(inside, 1);
	WRITE_ONCE(turns, READ_ONCE(turns) + 1);
	WRITE_ONCE(inside, 0);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}
RSEQLAB_FINALLY(lock) { rseqlab_assert(turns == 2 && lock == 0); }

RSEQLAB_SCENARIO(swap, "one of two wins")
RSEQLAB_SETUP(swap) { shared = 0; }
RSEQLAB_TASKS(swap, taker, 2)
{
	long expected = 0;

	rseqlab_result(__atomic_compare_exchange_n(&shared, &expected, 7, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}
RSEQLAB_FINALLY(swap) { rseqlab_assert(shared == 7); }

/* Each thread has its own, as the file has them. */
RSEQLAB_SCENARIO(threads, "threads have variables of their own")
RSEQLAB_SETUP(threads) { mine = 9; }
RSEQLAB_TASKS(threads, user, 2)
{
	rseqlab_result(mine);
	mine += 3;
	zero += 1;
	percpu_add(counters, mine);
	rseqlab_result(zero * 100 + mine);
}
RSEQLAB_FINALLY(threads) { rseqlab_assert(mine == 9 && zero == 0 && sum() == 16); }

/* A task that waits by membarrier(2) until no section is under way that has seen the old state. */
static long open[RSEQLAB_MAX_CPUS], used, closed;

RSEQLAB_SCENARIO(fence, "behind the fence nobody uses it any more")
RSEQLAB_SETUP(fence)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		open[cpu] = 1;
	used = closed = 0;
	rseqlab_assert(plain_call(MEMBARRIER, 1 << 8, 0, 0) == 0);
}
RSEQLAB_TASK(fence, user)
{
	uint32_t cpu = rseq_index();

	asm goto(ARM START CHECK LOAD("open") UNLESS_ZERO LOAD("used") ADD("one") STORE("used") END
		 : : INPUTS(cpu), [open] MEMORY(open[cpu]), [used] MEMORY(used), [one] "r"(1L) : SCRATCH : abort, empty);
empty:
abort:
	return;
}
RSEQLAB_TASK(fence, closer)
{
	for (int cpu = 0; cpu < 2; cpu++)
		WRITE_ONCE(open[cpu], 0);
#ifndef LATE
	plain_call(MEMBARRIER, 1 << 7, 0, 0);
#endif
	long before = READ_ONCE(used);

	WRITE_ONCE(closed, 1);
	rseqlab_assert(READ_ONCE(used) == before);
}
