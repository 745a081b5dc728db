/* A buffer of pointers per CPU: push is load_cbne_store_store, pop is load_cbne_load_cbne_store. */
#include "operations.h"
#include <rseqlab.h>

#define SLOTS 4
static struct {
	intptr_t count, items[SLOTS];
} buffers[RSEQLAB_MAX_CPUS];
static long taken[8];

static int push(intptr_t item)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t count = READ_ONCE(buffers[cpu].count);

		if (count == SLOTS)
			return 0;
		if (!load_cbne_store_store(&buffers[cpu].count, count, &buffers[cpu].items[count], item, count + 1, cpu))
			return 1;
	}
}

static intptr_t pop(void)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t count = READ_ONCE(buffers[cpu].count), item;

		if (count == 0)
			return 0;
		item = READ_ONCE(buffers[cpu].items[count - 1]);
		if (!load_cbne_load_cbne_store(&buffers[cpu].count, count, &buffers[cpu].items[count - 1], item, count - 1, cpu))
			return item;
	}
}

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		buffers[cpu].count = 0;
	for (int n = 0; n < 8; n++)
		taken[n] = 0;
}

static void take(void)
{
	intptr_t item = pop();

	rseqlab_result(item != 0);
	if (item)
		taken[item]++;
}

/* Items 1 to `last`, each in one buffer, once, or taken, once. */
static int all_there(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (int n = 0; n < buffers[cpu].count; n++)
			taken[buffers[cpu].items[n]]++;
	for (int item = 1; item <= last; item++)
		if (taken[item] != 1)
			return 0;
	return 1;
}

#define SCENARIO(name, last)									\
	RSEQLAB_SCENARIO(name, "no item is lost, and none comes out twice")			\
	RSEQLAB_SETUP(name) { reset(); push(1); }						\
	RSEQLAB_FINALLY(name) { rseqlab_assert(all_there(last)); }

SCENARIO(push_pop, 2)
RSEQLAB_TASK(push_pop, pusher) { push(2); }
RSEQLAB_TASK(push_pop, popper) { take(); }

SCENARIO(push_pop3, 2)
RSEQLAB_TASK(push_pop3, pusher) { push(2); }
RSEQLAB_TASKS(push_pop3, popper, 2) { take(); }

SCENARIO(push_pop4, 3)
RSEQLAB_TASK(push_pop4, pusher) { push(2); }
RSEQLAB_TASK(push_pop4, other) { push(3); }
RSEQLAB_TASKS(push_pop4, popper, 2) { take(); }
