/* SPDX-License-Identifier: MIT
 *
 * The scenario as an ordinary program, for -DRSEQLAB_NATIVE: ./program [SCENARIO [ROUNDS]]. Each round runs setup, the tasks as threads, and
 * finally. The C library registers rseq (glibc 2.35 and newer). Signals of RSEQLAB_SIGNAL are sent to their threads while these run.
 */
#ifndef RSEQLAB_NATIVE_H
#define RSEQLAB_NATIVE_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct rseqlab_part __start___rseqlab_scenario[], __stop___rseqlab_scenario[];

void rseqlab_result(long value)
{
	(void)value;
}

void rseqlab_fail(const char *claim, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s does not hold\n", file, line, claim);
	exit(1);
}

static void rseqlab_run_all__(const char *scenario, unsigned int kind)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (part->kind == kind && !strcmp(part->scenario, scenario))
			part->function();
}

static void rseqlab_check__(const char *scenario)
{
	const struct rseqlab_part *part;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++)
		if (part->kind == RSEQLAB_KIND_INVARIANT && !strcmp(part->scenario, scenario) &&
		    !((int (*)(void))part->function)())
			rseqlab_fail("the invariant", scenario, 0);
}

static void *rseqlab_thread__(void *argument)
{
	((const struct rseqlab_part *)argument)->function();
	return NULL;
}

static void rseqlab_round__(const char *scenario)
{
	const struct rseqlab_part *part, *other;
	pthread_t threads[64];
	int count = 0, n;

	rseqlab_run_all__(scenario, RSEQLAB_KIND_SETUP);
	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++) {
		if (part->kind == RSEQLAB_KIND_SIGNAL && !strcmp(part->scenario, scenario)) {
			struct sigaction action = { 0 };

			action.sa_handler = (void (*)(int))part->function;
			action.sa_flags = SA_RESTART;
			sigaction((int)part->signal, &action, NULL);
		}
	}
	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario && count < 64; part++) {
		if (part->kind != RSEQLAB_KIND_TASK || strcmp(part->scenario, scenario))
			continue;
		if (pthread_create(&threads[count++], NULL, rseqlab_thread__, (void *)part))
			abort();
		for (other = __start___rseqlab_scenario; other < __stop___rseqlab_scenario; other++)
			if (other->kind == RSEQLAB_KIND_SIGNAL && !strcmp(other->scenario, scenario) &&
			    !strcmp(other->task, part->task))
				pthread_kill(threads[count - 1], (int)other->signal);
	}
	for (n = 0; n < count; n++)
		pthread_join(threads[n], NULL);
	rseqlab_check__(scenario);
	rseqlab_run_all__(scenario, RSEQLAB_KIND_FINALLY);
}

int main(int argc, char **argv)
{
	const struct rseqlab_part *part;
	const char *scenario = argc > 1 ? argv[1] : NULL;
	long rounds = argc > 2 ? atol(argv[2]) : 1, n;

	for (part = __start___rseqlab_scenario; part < __stop___rseqlab_scenario; part++) {
		if (part->kind != RSEQLAB_KIND_SCENARIO || (scenario && strcmp(part->scenario, scenario)))
			continue;
		for (n = 0; n < rounds; n++)
			rseqlab_round__(part->scenario);
		printf("%s: %s: %ld round%s\n", part->scenario, part->text, rounds, rounds == 1 ? "" : "s");
	}
	return 0;
}

#endif
