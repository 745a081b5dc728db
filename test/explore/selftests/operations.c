/*
 * Every operation of the kernel's selftests (tools/testing/selftests/rseq/rseq.h, Linux 6.3 and newer), as their authors wrote it: this file is
 * compiled with that folder on the include path. -DINDEX=RSEQ_PERCPU_MM_CID, -DORDER=RSEQ_MO_RELEASE choose the others. A number in a
 * scenario's name is that of its threads; with an s the first one gets a signal, whose handler does the same as the threads.
 */
#include <assert.h>
#include <rseq.h>
#include <rseqlab.h>

#ifndef INDEX
#define INDEX RSEQ_PERCPU_CPU_ID
#endif
#ifndef ORDER
#define ORDER RSEQ_MO_RELAXED
#endif

ptrdiff_t rseq_offset;
extern const ptrdiff_t __rseq_offset;

#define SLOTS 4
struct node {
	struct node *next;
	long taken;
};
struct item {
	int16_t name, again;
};
static struct {
	intptr_t counter, *where[2];
	intptr_t held;
	long count;
	struct node *head;
	intptr_t n, items[SLOTS];
	struct item whole[SLOTS];
} percpu[RSEQLAB_MAX_CPUS] __attribute__((aligned(64)));
static struct node nodes[5];
static long taken[8], arrived;

static int here(void)
{
	return INDEX == RSEQ_PERCPU_MM_CID ? rseq_current_mm_cid() : rseq_cpu_start();
}

static void reset(void)
{
	rseq_offset = __rseq_offset;
	arrived = 0;
	__builtin_memset(percpu, 0, sizeof(percpu));
	__builtin_memset(nodes, 0, sizeof(nodes));
	__builtin_memset(taken, 0, sizeof(taken));
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		percpu[cpu].where[1] = &percpu[cpu].counter;
}

/* Counters. */
static void addv(void)
{
	int cpu;

	do
		cpu = here();
	while (rseq_addv(RSEQ_MO_RELAXED, INDEX, &percpu[cpu].counter, 3, cpu));
}

static void storev(void)
{
	for (;;) {
		int cpu = here();
		intptr_t old = RSEQ_READ_ONCE(percpu[cpu].counter);

		if (!rseq_cmpeqv_storev(RSEQ_MO_RELAXED, INDEX, &percpu[cpu].counter, old, old + 3, cpu))
			return;
	}
}

static void deref(void)
{
	intptr_t table;
	int cpu;

	do {
		cpu = here();
		table = (intptr_t)percpu[cpu].where;
	} while (rseq_offset_deref_addv(RSEQ_MO_RELAXED, INDEX, &table, sizeof(intptr_t *), 3, cpu));
}

static intptr_t sum(void)
{
	intptr_t total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += percpu[cpu].counter;
	return total;
}

#define COUNT(name, function, tasks)						\
	RSEQLAB_SCENARIO(name, "nothing that is added is lost")			\
	RSEQLAB_SETUP(name) { reset(); }					\
	RSEQLAB_TASKS(name, adder, tasks) { function(); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(sum() == 3 * tasks); }
#define COUNT_SIGNAL(name, function, tasks)					\
	RSEQLAB_SCENARIO(name, "nothing that is added is lost")			\
	RSEQLAB_SETUP(name) { reset(); }					\
	RSEQLAB_TASK(name, first) { function(); }				\
	RSEQLAB_SIGNAL(name, first, 10) { function(); arrived = 1; }		\
	RSEQLAB_TASKS(name, adder, tasks - 1) { function(); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(sum() == 3 * (tasks + arrived)); }
#define COUNTS(name)								\
	COUNT(name##2, name, 2) COUNT(name##3, name, 3) COUNT(name##4, name, 4)	\
	COUNT_SIGNAL(name##2s, name, 2) COUNT_SIGNAL(name##3s, name, 3)

/* The mistake: what stands there is read before the loop, and not again. */
static void misread(void)
{
	intptr_t old = RSEQ_READ_ONCE(percpu[here()].counter);
	int cpu;

	do
		cpu = here();
	while (rseq_cmpeqv_storev(RSEQ_MO_RELAXED, INDEX, &percpu[cpu].counter, RSEQ_READ_ONCE(percpu[cpu].counter), old + 3, cpu));
}

COUNT(misread2, misread, 2)
COUNTS(addv)
COUNTS(storev)
COUNTS(deref)

/* A lock: 1 over 0. */
static void locked(void)
{
	int cpu;

	do
		cpu = here();
	while (rseq_cmpeqv_storev(RSEQ_MO_RELAXED, INDEX, &percpu[cpu].held, 0, 1, cpu));
	RSEQ_WRITE_ONCE(percpu[cpu].count, RSEQ_READ_ONCE(percpu[cpu].count) + 1);
	rseq_smp_store_release(&percpu[cpu].held, 0);
}

static long counted(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += percpu[cpu].count;
	return total;
}

#define LOCK(name, tasks)							\
	RSEQLAB_SCENARIO(name, "one thread at a time holds a CPU's lock")	\
	RSEQLAB_SETUP(name) { reset(); }					\
	RSEQLAB_TASKS(name, locker, tasks) { locked(); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(counted() == tasks); }
LOCK(lock2, 2)
LOCK(lock3, 3)
LOCK(lock4, 4)

/* What all that follows is: a pusher of 2, poppers, perhaps another pusher of 3 or a handler that pushes it; 1 is there. */
#define SHAPE(name, push, take, all, poppers)					\
	RSEQLAB_SCENARIO(name, "nothing is lost, and nothing comes out twice")	\
	RSEQLAB_SETUP(name) { reset(); push(1); }				\
	RSEQLAB_TASK(name, pusher) { push(2); }					\
	RSEQLAB_TASKS(name, popper, poppers) { take(); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(all(2 + arrived)); }
#define SHAPES(name, push, take, all)						\
	SHAPE(name##2, push, take, all, 1)					\
	SHAPE(name##3, push, take, all, 2)					\
	SHAPE(name##4, push, take, all, 2)					\
	RSEQLAB_TASK(name##4, other) { push(3); arrived = 1; }			\
	SHAPE(name##2s, push, take, all, 1)					\
	RSEQLAB_SIGNAL(name##2s, popper, 10) { push(3); arrived = 1; }

/* A list. */
static void list_push(long n)
{
	for (;;) {
		int cpu = here();
		intptr_t first = (intptr_t)RSEQ_READ_ONCE(percpu[cpu].head);

		nodes[n].next = (struct node *)first;
		if (!rseq_cmpeqv_storev(RSEQ_MO_RELAXED, INDEX, (intptr_t *)&percpu[cpu].head, first, (intptr_t)&nodes[n], cpu))
			return;
	}
}

static void list_take(void)
{
	for (;;) {
		int cpu = here(), result;
		intptr_t first;

		result = rseq_cmpnev_storeoffp_load(RSEQ_MO_RELAXED, INDEX, (intptr_t *)&percpu[cpu].head, 0,
						    offsetof(struct node, next), &first, cpu);
		if (result < 0)
			continue;
		rseqlab_result(result == 0);
		if (result == 0)
			((struct node *)first)->taken++;
		return;
	}
}

static int list_all(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (struct node *node = percpu[cpu].head; node; node = node->next)
			if (++node->taken > 1)
				return 0;
	for (int n = 1; n <= last; n++)
		if (nodes[n].taken != 1)
			return 0;
	return 1;
}

SHAPES(list, list_push, list_take, list_all)

/* A buffer of numbers. */
static void buffer_push(long item)
{
	for (;;) {
		int cpu = here();
		intptr_t n = RSEQ_READ_ONCE(percpu[cpu].n);

		rseqlab_assert(n < SLOTS);
		if (!rseq_cmpeqv_trystorev_storev(ORDER, INDEX, &percpu[cpu].n, n, &percpu[cpu].items[n], item, n + 1, cpu))
			return;
	}
}

static void buffer_take(void)
{
	for (;;) {
		int cpu = here();
		intptr_t n = RSEQ_READ_ONCE(percpu[cpu].n), item;

		if (n == 0) {
			rseqlab_result(0);
			return;
		}
		item = RSEQ_READ_ONCE(percpu[cpu].items[n - 1]);
		if (rseq_cmpeqv_cmpeqv_storev(RSEQ_MO_RELAXED, INDEX, &percpu[cpu].n, n, &percpu[cpu].items[n - 1], item, n - 1, cpu))
			continue;
		rseqlab_result(1);
		__atomic_fetch_add(&taken[item], 1, __ATOMIC_RELAXED);
		return;
	}
}

static int all_taken(int last)
{
	for (int item = 1; item <= last; item++)
		if (taken[item] != 1)
			return 0;
	return 1;
}

static int buffer_all(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (int n = 0; n < percpu[cpu].n; n++)
			taken[percpu[cpu].items[n]]++;
	return all_taken(last);
}

SHAPES(buffer, buffer_push, buffer_take, buffer_all)

/* A buffer of items that are copied, byte by byte. */
static void copy_push(long name)
{
	struct item item = { name, -name };

	for (;;) {
		int cpu = here();
		intptr_t n = RSEQ_READ_ONCE(percpu[cpu].n);

		rseqlab_assert(n < SLOTS);
		if (!rseq_cmpeqv_trymemcpy_storev(ORDER, INDEX, &percpu[cpu].n, n, &percpu[cpu].whole[n], &item, sizeof(item), n + 1, cpu))
			return;
	}
}

static void copy_take(void)
{
	struct item item;

	for (;;) {
		int cpu = here();
		intptr_t n = RSEQ_READ_ONCE(percpu[cpu].n);

		if (n == 0) {
			rseqlab_result(0);
			return;
		}
		if (rseq_cmpeqv_trymemcpy_storev(ORDER, INDEX, &percpu[cpu].n, n, &item, &percpu[cpu].whole[n - 1], sizeof(item), n - 1, cpu))
			continue;
		rseqlab_result(1);
		rseqlab_assert(item.again == -item.name);
		__atomic_fetch_add(&taken[item.name], 1, __ATOMIC_RELAXED);
		return;
	}
}

static int copy_all(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (int n = 0; n < percpu[cpu].n; n++) {
			if (percpu[cpu].whole[n].again != -percpu[cpu].whole[n].name)
				return 0;
			taken[percpu[cpu].whole[n].name]++;
		}
	return all_taken(last);
}

SHAPE(copy2, copy_push, copy_take, copy_all, 1)
SHAPE(copy3, copy_push, copy_take, copy_all, 2)
