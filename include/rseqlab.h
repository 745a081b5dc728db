/* SPDX-License-Identifier: MIT
 *
 * Scenarios: what runs at the same time, and what must hold. One file of C or C++ for two worlds:
 *
 *   gcc -O2 -g -c -I include push_pop.c && rseqlab explore push_pop.o   the simulated machine (also: rseqlab run)
 *   gcc -O2 -I include -DRSEQLAB_NATIVE push_pop.c -pthread             an ordinary program on the real kernel
 *   ... -static, and rseqlab explore takes that program too
 *
 *   #include <rseqlab.h>
 *   static long counter[RSEQLAB_MAX_CPUS];
 *   RSEQLAB_SCENARIO(count, "no increment is lost")
 *   RSEQLAB_TASK(count, one)      { increment(counter); }
 *   RSEQLAB_TASKS(count, more, 2) { increment(counter); }
 *   RSEQLAB_FINALLY(count)        { rseqlab_assert(sum(counter) == 3); }
 *
 * All parts but a task are optional. Each macro leaves a struct rseqlab_part in the ELF section __rseqlab_scenario.
 * The reference: docs/scenario.md.
 */
#ifndef RSEQLAB_H
#define RSEQLAB_H

/** CPU numbers and mm_cids of the simulated machine are below this. */
#define RSEQLAB_MAX_CPUS 64

#ifdef __cplusplus
extern "C" {
#endif

/** What a part is for; the loader of rseqlab reads these (src/kernel/scenario/parts.ts). */
enum rseqlab_kind {
	RSEQLAB_KIND_SCENARIO = 1,	/* text: what is claimed */
	RSEQLAB_KIND_SETUP = 2,		/* runs alone, first */
	RSEQLAB_KIND_TASK = 3,		/* a thread; number: how many */
	RSEQLAB_KIND_SIGNAL = 4,	/* a handler: signal `number` may arrive anywhere in the task, once */
	RSEQLAB_KIND_INVARIANT = 5,	/* returns not 0 where it holds: in every reachable state */
	RSEQLAB_KIND_FINALLY = 6,	/* runs alone, last */
	RSEQLAB_KIND_TRACER = 7		/* a tracer: stops the task anywhere, once, by ptrace(2) */
};

struct rseqlab_part {
	unsigned int kind;
	unsigned int number;
	const char *scenario;
	const char *task;
	const char *text;
	void (*function)(void);
};

/* A semicolon behind RSEQLAB_SCENARIO(...) may be there or not; in C an empty declaration needs __extension__ to be no warning. */
#ifdef __cplusplus
#define RSEQLAB_END__
#else
#define RSEQLAB_END__	__extension__
#endif

#define RSEQLAB_PART__(id, kind_, number_, scenario_, task_, text_, function_)				\
	__attribute__((used, section("__rseqlab_scenario"), aligned(8)))				\
	static struct rseqlab_part id = { kind_, number_, scenario_, task_, text_, (void (*)(void))(function_) };
#define RSEQLAB_FUNCTION__(type, id, kind, number, scenario, task)					\
	static type id(void);										\
	RSEQLAB_PART__(id##__, kind, number, scenario, task, 0, id)					\
	static type id(void)

/** Begins a scenario: its name, and what it claims, in words. */
#define RSEQLAB_SCENARIO(name, claim)									\
	RSEQLAB_PART__(rseqlab_##name##__, RSEQLAB_KIND_SCENARIO, 0, #name, 0, claim, 0) RSEQLAB_END__
/** Runs alone, before the tasks begin. */
#define RSEQLAB_SETUP(name)										\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_setup, RSEQLAB_KIND_SETUP, 0, #name, 0)
/** A thread. */
#define RSEQLAB_TASK(name, task)									\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_task_##task, RSEQLAB_KIND_TASK, 1, #name, #task)
/** So many threads that do the same: task.1, task.2, ... `count` is a constant. */
#define RSEQLAB_TASKS(name, task, count)								\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_task_##task, RSEQLAB_KIND_TASK, count, #name, #task)
/** A handler; the signal may arrive anywhere in the task (in each of a RSEQLAB_TASKS), once. `number`: 10, or a name of <signal.h>. */
#define RSEQLAB_SIGNAL(name, task, number)								\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_signal_##task##_##number, RSEQLAB_KIND_SIGNAL, number, #name, #task)
/**
 * A tracer stops the task (each of a RSEQLAB_TASKS) anywhere, once, and does this to it by ptrace(2) and process_vm_readv(2), whose pid is `thread`, a long; then the task goes on.
 * It runs in a process of its own (native: CLONE_VM): no C library but system calls.
 */
#define RSEQLAB_TRACER(name, task, thread)								\
	static void rseqlab_##name##_tracer_##task(long thread);					\
	RSEQLAB_PART__(rseqlab_##name##_tracer_##task##__, RSEQLAB_KIND_TRACER, 0, #name, #task, 0,	\
		       rseqlab_##name##_tracer_##task)							\
	static void rseqlab_##name##_tracer_##task(long thread)
/** Returns not 0 where it holds. It must hold in every state that can be reached; it only reads. */
#define RSEQLAB_INVARIANT(name)										\
	RSEQLAB_FUNCTION__(int, rseqlab_##name##_invariant, RSEQLAB_KIND_INVARIANT, 0, #name, 0)
/** Runs alone, behind the last task. */
#define RSEQLAB_FINALLY(name)										\
	RSEQLAB_FUNCTION__(void, rseqlab_##name##_finally, RSEQLAB_KIND_FINALLY, 0, #name, 0)

/** A value that the task's operation gives: part of what is compared with runs one after the other. */
extern void rseqlab_result(long value);
/** Another operation of the task begins here: operations, not whole tasks, are what other orders are made of. */
extern void rseqlab_operation(void);
/** Ends the scenario: what it claims does not hold. */
extern void rseqlab_fail(const char *claim, const char *file, int line) __attribute__((noreturn));

#define rseqlab_assert(claim)	((claim) ? (void)0 : rseqlab_fail(#claim, __FILE__, __LINE__))

#ifdef __cplusplus
}
#endif

#ifdef RSEQLAB_NATIVE
#include <rseqlab-native.h>
#endif

#endif
