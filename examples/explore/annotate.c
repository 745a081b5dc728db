/*
 * A word about the next system call ("trace it", "fail it"), and the call, as one unit: the word counts only while rseq_cs says that the section is
 * under way, and the call is its last instruction. A signal handler's own calls are not meant, wherever it arrives: the kernel has
 * cleared rseq_cs by then. With -DBARE the word counts by itself, and a handler between word and call makes the wrong call traced.
 */
#include "percpu.h"
#include <rseqlab.h>

static long word, mistaken, served;

/* What a tracer does when the thread makes a system call. */
static int is_meant(void)
{
#ifdef BARE
	return word != 0;
#else
	return word != 0 && READ_ONCE(rseq_self()->rseq_cs) != 0;
#endif
}

static void traced_gettid(void)
{
again:
	asm goto(
#ifndef BARE
		 RSEQ_ARM
#endif
		 RSEQ_START
		 I("movq $1, %[word]")
		 I("mov $186, %%eax")
		 I("syscall")
#ifdef BARE
		 "2:\n"
#else
		 RSEQ_END
#endif
		 : : [rseq_cs] "m"(rseq_self()->rseq_cs), [word] "m"(word) : "rax", "rcx", "r11", "memory", "cc" : abort);
	WRITE_ONCE(word, 0);
	WRITE_ONCE(rseq_self()->rseq_cs, 0);
	served++;
	return;
abort: __attribute__((unused));
	goto again;
}

RSEQLAB_SCENARIO(annotate, "what is said of a call is said of no other call")
RSEQLAB_SETUP(annotate) { word = mistaken = served = 0; }
RSEQLAB_TASK(annotate, caller) { traced_gettid(); }
RSEQLAB_SIGNAL(annotate, caller, 10)
{
	long result;

	mistaken += is_meant();
	__asm__ volatile("syscall" : "=a"(result) : "a"(186L) : "rcx", "r11", "memory");
}
RSEQLAB_FINALLY(annotate) { rseqlab_assert(mistaken == 0 && served == 1); }
