/* SPDX-License-Identifier: MIT
 *
 * Scenarios: what runs at the same time, and what must hold. One C file for two worlds:
 *
 *   gcc -O2 -c -I include push_pop.c && rseqlab run push_pop.o         the simulated machine
 *   gcc -O2 -I include -DRSEQLAB_NATIVE push_pop.c -pthread            an ordinary program on the real kernel
 *
 *   #include <rseqlab.h>
 *   static long counter[RSEQLAB_MAX_CPUS];
 *   RSEQLAB_SCENARIO(count, "no increment is lost")
 *   RSEQLAB_TASK(count, one) { increment(counter); }
 *   RSEQLAB_TASK(count, two) { increment(counter); }
 *   RSEQLAB_FINALLY(count)   { rseqlab_assert(sum(counter) == 2); }
 *
 * All parts but TASK are optional. Each macro leaves a struct rseqlab_part in the ELF section __rseqlab_scenario.
 */
#ifndef RSEQLAB_H
#define RSEQLAB_H

#define RSEQLAB_MAX_CPUS 64

/** What a part is for; the loader of rseqlab reads these (src/kernel/scenario/parts.ts). */
enum rseqlab_kind {
	RSEQLAB_KIND_SCENARIO = 1,	/* text: what is claimed */
	RSEQLAB_KIND_SETUP = 2,		/* runs alone, first */
	RSEQLAB_KIND_TASK = 3,		/* a thread */
	RSEQLAB_KIND_SIGNAL = 4,	/* a handler: the signal may arrive anywhere in the task, once */
	RSEQLAB_KIND_INVARIANT = 5,	/* returns not 0 where it holds: in every reachable state */
	RSEQLAB_KIND_FINALLY = 6,	/* runs alone, last */
};

struct rseqlab_part {
	unsigned int kind;
	unsigned int signal;
	const char *scenario;
	const char *task;
	const char *text;
	void (*function)(void);
};

#define RSEQLAB_PART__(id, kind_, signal_, scenario_, task_, text_, function_)				\
	__attribute__((used, section("__rseqlab_scenario"), aligned(8)))				\
	static const struct rseqlab_part id = { kind_, signal_, scenario_, task_, text_, (void (*)(void))(function_) }

#define RSEQLAB_SCENARIO(name, claim)									\
	RSEQLAB_PART__(rseqlab_##name##__, RSEQLAB_KIND_SCENARIO, 0, #name, 0, claim, 0)
#define RSEQLAB_FUNCTION__(type, id, kind, signal, scenario, task)					\
	static type id(void);										\
	RSEQLAB_PART__(id##__, kind, signal, scenario, task, 0, id);					\
	static type id(void)
#define RSEQLAB_SETUP(name)										\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_setup, RSEQLAB_KIND_SETUP, 0, #name, 0)
#define RSEQLAB_TASK(name, task)									\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_task_##task, RSEQLAB_KIND_TASK, 0, #name, #task)
#define RSEQLAB_SIGNAL(name, task, number)								\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_signal_##task, RSEQLAB_KIND_SIGNAL, number, #name, #task)
#define RSEQLAB_INVARIANT(name)										\
	RSEQLAB_FUNCTION__(int, rseqlab_##name##_invariant, RSEQLAB_KIND_INVARIANT, 0, #name, 0)
#define RSEQLAB_FINALLY(name)										\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_finally, RSEQLAB_KIND_FINALLY, 0, #name, 0)

/** A value that the task's operation gives: part of what is compared with runs one after the other. */
extern void rseqlab_result(long value);
/** Ends the scenario: what it claims does not hold. */
extern void rseqlab_fail(const char *claim, const char *file, int line) __attribute__((noreturn));

#define rseqlab_assert(claim)	((claim) ? (void)0 : rseqlab_fail(#claim, __FILE__, __LINE__))

#ifdef RSEQLAB_NATIVE
#include <rseqlab-native.h>
#endif

#endif
