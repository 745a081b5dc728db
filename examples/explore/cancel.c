/*
 * A system call as the last instruction of a section: "unless I have been cancelled, make this call" is one unit. A signal that comes between the test
 * and the call aborts the section, so that the test is made again; behind the call there is nothing left to abort. With -DBARE there is
 * no section, and a call is made although the handler has cancelled it.
 *
 * The call is rt_sigprocmask, which blocks SIGUSR2: so the handler can see whether it was made before or not.
 */
#include "percpu.h"
#include <rseqlab.h>

#define SIGUSR2_BIT (1UL << 11)
static long cancelled, called_before;
static const unsigned long block = SIGUSR2_BIT;

static unsigned long blocked(void)
{
	unsigned long mask = 0;
	register long size __asm__("r10") = 8;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(14L), "D"(0L), "S"(0L), "d"(&mask), "r"(size) : "rcx", "r11", "memory");
	return mask;
}

/* 1 where it was made, 0 where it was cancelled. */
static int call_unless_cancelled(void)
{
	register long size __asm__("r10") = 8;
again:
	asm goto(
#ifndef BARE
		 RSEQ_ARM
#endif
		 RSEQ_START
		 I("cmpq $0, %[cancelled]")
		 I("jne %l[stopped]")
		 I("mov $14, %%eax")
		 I("syscall")				/* rt_sigprocmask(SIG_BLOCK, &block, NULL, 8) */
#ifdef BARE
		 "2:\n"
#else
		 RSEQ_END
#endif
		 : : [rseq_cs] "m"(rseq_self()->rseq_cs), [cancelled] "m"(cancelled), "D"(0L), "S"(&block), "d"(0L), "r"(size)
		 : "rax", "rcx", "r11", "memory", "cc" : abort, stopped);
	return 1;
abort: __attribute__((unused));
	goto again;
stopped:
	return 0;
}

RSEQLAB_SCENARIO(cancel, "no call is made that was cancelled before")
RSEQLAB_SETUP(cancel) { cancelled = called_before = 0; }
RSEQLAB_TASK(cancel, caller)
{
	int called = call_unless_cancelled();

	rseqlab_assert(!called || !READ_ONCE(cancelled) || called_before);
}
RSEQLAB_SIGNAL(cancel, caller, 10)
{
	called_before = (blocked() & SIGUSR2_BIT) != 0;
	cancelled = 1;
}
