/*
 * A stack of items per CPU as TCMalloc's caches have them: `current`, `begin` and `end` lie in one packed word, push and pop commit by a 16-bit store
 * of `current`, and the CPU's number is read inside the section. Another thread may drain a CPU's items: it stops the CPU by making begin and
 * end such that push finds it full and pop finds it empty, and interrupts who is in a section there (membarrier).
 *
 * FENCES: 2 is right. With 1, a section that has read `current` while the CPU was stopped compares it with the new `end`. With 0, a section
 * that has compared before the stop goes on.
 */
#include "percpu.h"
#include <rseqlab.h>

#ifndef FENCES
#define FENCES 2
#endif
#define SLOTS 3
static struct slab {
	uint16_t current, begin, end, unused;
	intptr_t items[SLOTS];
} slabs[RSEQLAB_MAX_CPUS];
_Static_assert(sizeof(struct slab) == 32, "the sections shift by 5");

static long found[8];

/* The slab of this CPU, inside a section: rcx. */
#define FIND_SLAB						\
	I("mov %[check], %%ecx")				\
	I("shl $5, %%rcx")					\
	I("add %[slabs], %%rcx")

/* 0 where there is no room. */
static __attribute__((noinline)) int push(intptr_t item)
{
again:
	asm goto(RSEQ_ARM RSEQ_START FIND_SLAB
		 I("movzwl (%%rcx), %%eax")
		 I("cmp %%ax, 4(%%rcx)")		/* end */
		 I("jbe %l[full]")
		 I("mov %[item], 8(%%rcx,%%rax,8)")
		 I("inc %%eax")
		 I("mov %%ax, (%%rcx)")			/* the commit */
		 RSEQ_END
		 : : RSEQ_INPUTS(0), [slabs] "r"(slabs), [item] "r"(item) : "rax", "rcx", "memory", "cc" : abort, full);
	return 1;
abort:
	goto again;
full:
	return 0;
}

/* 0 where there is no item. */
static __attribute__((noinline)) intptr_t pop(void)
{
	intptr_t item;
again:
	asm goto(RSEQ_ARM RSEQ_START FIND_SLAB
		 I("movzwl (%%rcx), %%eax")
		 I("cmp %%ax, 2(%%rcx)")		/* begin */
		 I("jae %l[empty]")
		 I("mov (%%rcx,%%rax,8), %%rdx")
		 I("mov %%rdx, %[item]")
		 I("dec %%eax")
		 I("mov %%ax, (%%rcx)")			/* the commit */
		 RSEQ_END
		 : : RSEQ_INPUTS(0), [slabs] "r"(slabs), [item] "m"(item) : "rax", "rcx", "rdx", "memory", "cc" : abort, empty);
	return item;
abort:
	goto again;
empty:
	return 0;
}

#ifndef BY_MM_CID
static long membarrier(long command, long flags, long cpu)
{
	register long result __asm__("rax") = 324;

	__asm__ volatile("syscall" : "+r"(result) : "D"(command), "S"(flags), "d"(cpu) : "rcx", "r11", "memory");
	return result;
}

/* Who is in a section on that CPU is out of it, and what was written before is seen by all. */
static void fence(int number, long cpu)
{
	if (number <= FENCES)
		rseqlab_assert(membarrier(128, 1, cpu) == 0);	/* PRIVATE_EXPEDITED_RSEQ, FLAG_CPU */
	__asm__ volatile("" : : : "memory");
}

static void drain(long cpu)
{
	struct slab *slab = &slabs[cpu];

	WRITE_ONCE(slab->end, 0);
	WRITE_ONCE(slab->begin, 0xffff);
	fence(1, cpu);
	for (int n = 0; n < READ_ONCE(slab->current); n++)
		found[slab->items[n]]++;
	WRITE_ONCE(slab->current, 0);
	fence(2, cpu);
	WRITE_ONCE(slab->begin, 0);
	WRITE_ONCE(slab->end, SLOTS);
}

#endif

/* Item 1 is in the slab of the first CPU. */
static void reset(void)
{
#ifndef BY_MM_CID
	rseqlab_assert(membarrier(256, 0, 0) == 0);	/* REGISTER_PRIVATE_EXPEDITED_RSEQ */
#endif
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		slabs[cpu] = (struct slab){ .end = SLOTS };
	slabs[0].current = 1;
	slabs[0].items[0] = 1;
	for (int item = 0; item < 8; item++)
		found[item] = 0;
}

static void put(intptr_t item)
{
	if (!push(item))
		found[item]++;
}

static void take(void)
{
	intptr_t item = pop();

	rseqlab_result(item != 0);
	if (item)
		__atomic_fetch_add(&found[item], 1, __ATOMIC_RELAXED);
}

static int all_there(int last)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		for (int n = 0; n < slabs[cpu].current; n++)
			found[slabs[cpu].items[n]]++;
	for (int item = 1; item <= last; item++)
		if (found[item] != 1)
			return 0;
	return 1;
}

#define SCENARIO(name, last)									\
	RSEQLAB_SCENARIO(name, "no item is lost, and none comes out twice")			\
	RSEQLAB_SETUP(name) { reset(); }							\
	RSEQLAB_FINALLY(name) { rseqlab_assert(all_there(last)); }

SCENARIO(push_pop, 2)
RSEQLAB_TASK(push_pop, pusher) { put(2); }
RSEQLAB_TASK(push_pop, popper) { take(); }

SCENARIO(push_pop3, 2)
RSEQLAB_TASK(push_pop3, pusher) { put(2); }
RSEQLAB_TASKS(push_pop3, popper, 2) { take(); }

SCENARIO(push_pop4, 3)
RSEQLAB_TASK(push_pop4, pusher) { put(2); }
RSEQLAB_TASK(push_pop4, other) { put(3); }
RSEQLAB_TASKS(push_pop4, popper, 2) { take(); }

#ifndef BY_MM_CID	/* membarrier speaks of CPUs */
SCENARIO(push_drain, 2)
RSEQLAB_TASK(push_drain, pusher) { put(2); }
RSEQLAB_TASK(push_drain, drainer) { drain(0); }

SCENARIO(pop_drain, 1)
RSEQLAB_TASK(pop_drain, popper) { take(); }
RSEQLAB_TASK(pop_drain, drainer) { drain(0); }

SCENARIO(push_pop_drain, 2)
RSEQLAB_TASK(push_pop_drain, pusher) { put(2); }
RSEQLAB_TASK(push_pop_drain, popper) { take(); }
RSEQLAB_TASK(push_pop_drain, drainer) { drain(0); }
#endif
