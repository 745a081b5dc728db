/* SPDX-License-Identifier: MIT
 *
 * The scenario as an ordinary program, for -DRSEQLAB_NATIVE: ./program [SCENARIO [ROUNDS]]. Each round runs setup, the tasks as threads, and
 * finally. Linked with -static, `rseqlab explore` takes it too. The C library registers rseq (glibc 2.35 and newer). Signals of RSEQLAB_SIGNAL are sent to their threads while these run.
 */
#ifndef RSEQLAB_NATIVE_H
#define RSEQLAB_NATIVE_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RSEQLAB_MAX_TASKS__ 64

/* Of <sys/ptrace.h>, which a program that includes <linux/ptrace.h> cannot have behind that, and of <sched.h>, which has them only for _GNU_SOURCE. */
enum { RSEQLAB_DETACH__ = 17, RSEQLAB_SEIZE__ = 0x4206, RSEQLAB_INTERRUPT__ = 0x4207, RSEQLAB_WALL__ = 0x40000000 };
enum { RSEQLAB_CLONE_VM_FS_FILES__ = 0x700 };

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_GNU_SOURCE) && !defined(__USE_GNU)
extern int clone(int (*)(void *), void *, int, void *, ...);
#endif

extern const struct rseqlab_part __start___rseqlab_scenario[], __stop___rseqlab_scenario[];
/* Of glibc; weak, so that a program which registers rseq by itself needs none. */
extern const unsigned int __rseq_size __attribute__((weak));

/* Set by `rseqlab explore`, under which this main() never begins: the functions below are system calls of the simulated machine then. */
volatile int rseqlab_simulated = 0;

static void rseqlab_call__(long number, long a, long b, long c)
{
#ifdef __x86_64__
	if (rseqlab_simulated)
		__asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	if (rseqlab_simulated)
		__asm__ volatile("mov x0, %1\n\tmov x1, %2\n\tmov x2, %3\n\tmov x8, %0\n\tsvc #0"
				 : : "r"(number), "r"(a), "r"(b), "r"(c) : "x0", "x1", "x2", "x8", "memory", "cc");
#else
	(void)number, (void)a, (void)b, (void)c;
#endif
}

void rseqlab_result(long value)
{
	rseqlab_call__(0x52530001, value, 0, 0);
}

void rseqlab_operation(void)
{
	rseqlab_call__(0x52530004, 0, 0, 0);
}

void rseqlab_fail(const char *claim, const char *file, int line)
{
	rseqlab_call__(0x52530002, (long)claim, (long)file, line);
	fprintf(stderr, "%s:%d: %s does not hold\n", file, line, claim);
	exit(1);
}

#ifdef __cplusplus
}
#endif

static int rseqlab_is__(const struct rseqlab_part *part, const char *scenario, unsigned int kind)
{
	return part->kind == kind && !strcmp(part->scenario, scenario);
}

static void rseqlab_run_all__(const char *scenario, unsigned int kind)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (rseqlab_is__(part, scenario, kind))
			part->function();
}

static void rseqlab_check__(const char *scenario)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (rseqlab_is__(part, scenario, RSEQLAB_KIND_INVARIANT) && !((int (*)(void))part->function)())
			rseqlab_fail("the invariant", scenario, 0);
}

/* A task: its thread says which it is, and its tracer, if there is one, when it may begin. */
struct rseqlab_tracer__;
struct rseqlab_task__ {
	const struct rseqlab_part *part;
	volatile int tid, begins;
	pthread_t thread;
	struct rseqlab_tracer__ *tracer;
};
struct rseqlab_tracer__ {
	const struct rseqlab_part *part;
	struct rseqlab_task__ *task;
	struct timespec delay;
	int pid;
	char stack[32768] __attribute__((aligned(16)));
};

static void *rseqlab_thread__(void *given)
{
	struct rseqlab_task__ *task = (struct rseqlab_task__ *)given;

	task->tid = (int)syscall(SYS_gettid);
	while (!task->begins)
		sched_yield();
	task->part->function();
	return NULL;
}

/*
 * A tracer of RSEQLAB_TRACER: a process of its own, since no thread may trace another of its process, that shares the memory. It stops the thread after a while, if that
 * is still there. No errno and no C library but system calls: thread-local variables are those of another thread.
 */
static int rseqlab_trace__(void *given)
{
	struct rseqlab_tracer__ *tracer = (struct rseqlab_tracer__ *)given;
	long thread;
	int status;

	while (!tracer->task->tid)
		syscall(SYS_sched_yield);
	thread = tracer->task->tid;
	status = syscall(SYS_ptrace, RSEQLAB_SEIZE__, thread, 0, 0) == 0;
	tracer->task->begins = 1;
	if (!status)
		return 1;
	syscall(SYS_nanosleep, &tracer->delay, 0);
	if (syscall(SYS_ptrace, RSEQLAB_INTERRUPT__, thread, 0, 0) == 0 && syscall(SYS_wait4, thread, &status, RSEQLAB_WALL__, 0) == thread &&
	    WIFSTOPPED(status)) {
		((void (*)(long))tracer->part->function)(thread);
		syscall(SYS_ptrace, RSEQLAB_DETACH__, thread, 0, 0);
	}
	return 0;
}

static const struct rseqlab_part *rseqlab_tracer_of__(const struct rseqlab_part *task)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (rseqlab_is__(part, task->scenario, RSEQLAB_KIND_TRACER) && !strcmp(part->task, task->task))
			return part;
	return NULL;
}

/* Starts the tracer of a task, where it has one. Its thread waits until it is traced. */
static void rseqlab_start_tracer__(struct rseqlab_task__ *task)
{
	const struct rseqlab_part *part = rseqlab_tracer_of__(task->part);
	static unsigned int random = 1;
	struct rseqlab_tracer__ *tracer;

	task->tracer = NULL;
	if (!part) {
		task->begins = 1;
		return;
	}
	tracer = (struct rseqlab_tracer__ *)malloc(sizeof(*tracer));
	if (!tracer)
		abort();
	random = random * 1103515245u + 12345u;
	tracer->part = part;
	tracer->task = task;
	tracer->delay.tv_sec = 0;
	tracer->delay.tv_nsec = (random >> 16) % 100 * 1000;
	task->tracer = tracer;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	tracer->pid = clone(rseqlab_trace__, tracer->stack + sizeof(tracer->stack), RSEQLAB_CLONE_VM_FS_FILES__ | SIGCHLD, tracer);
	if (tracer->pid < 0)
		abort();
}

static void rseqlab_end_tracer__(struct rseqlab_task__ *task)
{
	int status = 0;

	if (!task->tracer)
		return;
	waitpid(task->tracer->pid, &status, 0);
	free(task->tracer);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "ptrace(2) is not permitted here\n");
		exit(2);
	}
}

static void rseqlab_handlers__(const char *scenario)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++) {
		struct sigaction action;

		if (!rseqlab_is__(part, scenario, RSEQLAB_KIND_SIGNAL))
			continue;
		memset(&action, 0, sizeof(action));
		action.sa_handler = (void (*)(int))part->function;
		action.sa_flags = SA_RESTART;
		sigaction((int)part->number, &action, NULL);
	}
}

static void rseqlab_signals__(const struct rseqlab_part *task, pthread_t thread)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (rseqlab_is__(part, task->scenario, RSEQLAB_KIND_SIGNAL) && !strcmp(part->task, task->task))
			pthread_kill(thread, (int)part->number);
}

static void rseqlab_round__(const char *scenario)
{
	const struct rseqlab_part *part;
	static struct rseqlab_task__ tasks[RSEQLAB_MAX_TASKS__];
	unsigned int count = 0, n;

	rseqlab_run_all__(scenario, RSEQLAB_KIND_SETUP);
	rseqlab_handlers__(scenario);
	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++) {
		if (!rseqlab_is__(part, scenario, RSEQLAB_KIND_TASK))
			continue;
		for (n = 0; n < part->number && count < RSEQLAB_MAX_TASKS__; n++) {
			struct rseqlab_task__ *task = &tasks[count++];

			task->part = part;
			task->tid = 0;
			task->begins = 0;
			if (pthread_create(&task->thread, NULL, rseqlab_thread__, task))
				abort();
			rseqlab_start_tracer__(task);
			rseqlab_signals__(part, task->thread);
		}
	}
	for (n = 0; n < count; n++) {
		pthread_join(tasks[n].thread, NULL);
		rseqlab_end_tracer__(&tasks[n]);
	}
	rseqlab_check__(scenario);
	rseqlab_run_all__(scenario, RSEQLAB_KIND_FINALLY);
}

/* Data by CPU has RSEQLAB_MAX_CPUS entries: nobody may run elsewhere. */
static int rseqlab_stay_below__(void)
{
	unsigned long long cpus = ~0ULL;

	return syscall(SYS_sched_setaffinity, 0, sizeof(cpus), &cpus) == 0;
}

/* Weak: a program may have its own, and scenarios besides. */
__attribute__((weak)) int main(int argc, char **argv)
{
	const struct rseqlab_part *part;
	const char *scenario = argc > 1 ? argv[1] : NULL;
	long rounds = argc > 2 ? atol(argv[2]) : 1, n;
	int found = 0;

	if (&__rseq_size != NULL && __rseq_size == 0) {
		fprintf(stderr, "rseq is not registered: the kernel has none, or GLIBC_TUNABLES says glibc.pthread.rseq=0\n");
		return 2;
	}
	if (!rseqlab_stay_below__()) {
		fprintf(stderr, "this process may not run on any CPU below %d\n", RSEQLAB_MAX_CPUS);
		return 2;
	}
	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++) {
		if (part->kind != RSEQLAB_KIND_SCENARIO || (scenario && strcmp(part->scenario, scenario)))
			continue;
		found = 1;
		for (n = 0; n < rounds; n++)
			rseqlab_round__(part->scenario);
		printf("%s: %s: %ld round%s\n", part->scenario, part->text, rounds, rounds == 1 ? "" : "s");
	}
	if (!found) {
		fprintf(stderr, "there is no scenario %s\n", scenario ? scenario : "at all");
		return 2;
	}
	return 0;
}

#endif
