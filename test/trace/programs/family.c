/*
 * Registers, forks a child that inherits the registration and tries again (EBUSY) and otherwise (EPERM, and each EINVAL), then becomes itself by exec,
 * which has no registration, registers, and leaves with status 5.
 */
#include "calls.h"

static struct rseq area, other;
static char *again[] = { "family", "again", 0 };

static long register_it(struct rseq *rseq, long length, long flags, long signature)
{
	return call(RSEQ, (long)rseq, length, flags, signature);
}

__attribute__((used)) static int program(long argc, char **argv)
{
	if (register_it(&area, 32, 0, SIGNATURE) != 0)
		return 2;
	if (argc > 1)
		return 5;
	long child = call(FORK, 0, 0, 0, 0);
	if (child == 0) {
		register_it(&area, 32, 0, SIGNATURE);     /* EBUSY */
		register_it(&area, 32, 0, 1);             /* EPERM */
		register_it(&other, 32, 0, SIGNATURE);    /* another address */
		register_it(&area, 64, 0, SIGNATURE);     /* another length */
		register_it(&area, 32, 8, SIGNATURE);     /* an unknown flag */
		register_it(&other, 32, 1, SIGNATURE);    /* unregisters what is not registered */
		register_it(&area, 32, 1, SIGNATURE);     /* unregisters */
		register_it(&area, 32, 1, SIGNATURE);     /* again */
		register_it(&area, 31, 0, SIGNATURE);     /* too short */
		register_it((struct rseq *)((char *)&area + 8), 32, 0, SIGNATURE); /* not aligned */
		register_it((struct rseq *)4096, 32, 0, SIGNATURE);                /* EFAULT */
		call(EXIT, 3, 0, 0, 0);
	}
	call(WAIT4, child, 0, 0, 0);
	call(EXECVE, (long)argv[0], (long)again, 0, 0);
	return 4;
}
