/* A buffer of whole items per CPU: push and pop are load_cbne_memcpy_store. */
#include "operations.h"
#include <rseqlab.h>

#define SLOTS 4
struct item {
	intptr_t name, again;
};
static struct {
	intptr_t count;
	struct item items[SLOTS];
} buffers[RSEQLAB_MAX_CPUS];
static long taken[8];

static int push(intptr_t name)
{
	struct item item = { name, -name };

	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t count = READ_ONCE(buffers[cpu].count);

		if (count == SLOTS)
			return 0;
		if (!load_cbne_memcpy_store(&buffers[cpu].count, count, &buffers[cpu].items[count], &item, sizeof(item), count + 1, cpu))
			return 1;
	}
}

static int pop(struct item *item)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t count = READ_ONCE(buffers[cpu].count);

		if (count == 0)
			return 0;
		if (!load_cbne_memcpy_store(&buffers[cpu].count, count, item, &buffers[cpu].items[count - 1], sizeof(*item), count - 1, cpu))
			return 1;
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
	struct item item;
	int found = pop(&item);

	rseqlab_result(found);
	if (found) {
		rseqlab_assert(item.again == -item.name);
		taken[item.name]++;
	}
}

/* Items 1 to `last`, each whole, in one buffer, once, or taken, once. */
static int all_there(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (int n = 0; n < buffers[cpu].count; n++) {
			struct item *item = &buffers[cpu].items[n];

			if (item->again != -item->name)
				return 0;
			taken[item->name]++;
		}
	for (int name = 1; name <= last; name++)
		if (taken[name] != 1)
			return 0;
	return 1;
}

#define SCENARIO(name, last)									\
	RSEQLAB_SCENARIO(name, "items come out whole, none is lost, and none comes out twice")	\
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
