/*
 * One counter per CPU and threads that increment it: the sections of the files here each have one mistake, of the kind that `rseqlab check` has a rule
 * for; with -DMENDED they have not. Each file defines increment(). The commit is a store by itself, not `inc` in memory: so a
 * mistake does harm on one CPU already, and on machines that do an unlocked `inc` in one piece.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <percpu.h>
#include <rseqlab.h>

#ifndef START
#define START 0
#endif
#ifndef TASKS
#define TASKS 2
#endif

static long slots[RSEQLAB_MAX_CPUS];

/* mov, inc, mov: through the slot's address. */
#define COUNT				\
	"mov %[slot], %%rax\n\t"	\
	"inc %%rax\n\t"			\
	"mov %%rax, %[slot]\n\t"
#define INPUTS(cpu)	RSEQ_INPUTS(cpu), [slot] "m"(slots[cpu])
#define CHANGES		"rax", "rcx", "rdx", "memory", "cc"

/* A whole function in assembly: what it needs of C. */
#define AREA						\
	"mov __rseq_offset@GOTPCREL(%rip), %rdi\n\t"	\
	"mov (%rdi), %rdi\n\t"				\
	"add %fs:0, %rdi\n\t"				\
	"lea slots(%rip), %rsi\n\t"

__attribute__((unused)) static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += slots[cpu] - START;
	return total;
}

#ifndef OTHER_SCENARIO
static void increment(void);

RSEQLAB_SCENARIO(count, "no increment is lost, and none is made twice")
RSEQLAB_SETUP(count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		slots[cpu] = START;
}
RSEQLAB_TASKS(count, counter, TASKS) { increment(); }
RSEQLAB_FINALLY(count) { rseqlab_assert(sum() == TASKS); }
#endif

#endif
