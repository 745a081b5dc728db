/*
 * A list per CPU: push is load_cbne_store, pop is load_cbeq_store_add_load_store. With -DABA pop reads the next node in front of the section,
 * and the section only makes sure that the head is still the same: the head may have been popped, and pushed again, meanwhile.
 */
#include "operations.h"
#include <rseqlab.h>

struct node {
	struct node *next;
	long taken;
};
static struct node *head[RSEQLAB_MAX_CPUS], nodes[4];

static void push(struct node *node)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		struct node *first = READ_ONCE(head[cpu]);

		node->next = first;
		if (!load_cbne_store((intptr_t *)&head[cpu], (intptr_t)first, (intptr_t)node, cpu))
			return;
	}
}

#ifdef ABA
static struct node *pop(void)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		struct node *first = READ_ONCE(head[cpu]);

		if (!first)
			return NULL;
		if (!load_cbne_store((intptr_t *)&head[cpu], (intptr_t)first, (intptr_t)READ_ONCE(first->next), cpu))
			return first;
	}
}
#else
static struct node *pop(void)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		intptr_t first;
		int result = load_cbeq_store_add_load_store((intptr_t *)&head[cpu], 0, offsetof(struct node, next), &first, cpu);

		if (result == 0)
			return (struct node *)first;
		if (result > 0)
			return NULL;
	}
}
#endif

static void reset(void)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		head[cpu] = NULL;
	for (int n = 0; n < 4; n++)
		nodes[n].taken = 0;
}

static void take(void)
{
	struct node *node = pop();

	rseqlab_result(node != NULL);
	if (node)
		node->taken++;
}

/* Every node is on one list, once, or was taken, once. */
static int all_there(int count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (struct node *node = head[cpu]; node; node = node->next)
			if (++node->taken > 1)
				return 0;
	for (int n = 0; n < count; n++)
		if (nodes[n].taken != 1)
			return 0;
	return 1;
}

#define SCENARIO(name, count)									\
	RSEQLAB_SCENARIO(name, "no node is lost, and none is there twice")			\
	RSEQLAB_SETUP(name) { reset(); push(&nodes[0]); push(&nodes[1]); }			\
	RSEQLAB_FINALLY(name) { rseqlab_assert(all_there(count)); }

SCENARIO(push_pop, 3)
RSEQLAB_TASK(push_pop, pusher) { push(&nodes[2]); }
RSEQLAB_TASK(push_pop, popper) { take(); }

SCENARIO(push_pop3, 3)
RSEQLAB_TASK(push_pop3, pusher) { push(&nodes[2]); }
RSEQLAB_TASKS(push_pop3, popper, 2) { take(); }

SCENARIO(push_pop4, 4)
RSEQLAB_TASK(push_pop4, pusher) { push(&nodes[2]); }
RSEQLAB_TASK(push_pop4, other) { push(&nodes[3]); }
RSEQLAB_TASKS(push_pop4, popper, 2) { take(); }

/* Takes two nodes, and gives the first one back: what makes a list with the ABA mistake forget that the second is taken. */
SCENARIO(aba, 2)
RSEQLAB_TASK(aba, popper) { take(); }
RSEQLAB_TASK(aba, juggler)
{
	struct node *first = pop();

	take();
	if (first)
		push(first);
}
