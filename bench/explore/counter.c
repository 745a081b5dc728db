/*
 * What bench/explore-code.js explores: N tasks, each K increments of a per-CPU counter, and (S) one signal whose handler makes one more. The
 * algorithm of rseq_counter.pml, as machine code. build.sh compiles it.
 */
#include "percpu.h"
#include <rseqlab.h>
static intptr_t counter[RSEQLAB_MAX_CPUS];
static void increment(void)
{
	for (;;) {
		uint32_t cpu = rseq_index();
		asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
			 I("mov %[counter], %%rax")
			 I("inc %%rax")
			 I("mov %%rax, %[counter]")
			 RSEQ_END
			 : : RSEQ_INPUTS(cpu), [counter] "m"(counter[cpu])
			 : "rax", "rcx", "memory", "cc" : abort);
		return;
abort:;
	}
}
RSEQLAB_SCENARIO(count, "no increment is lost")
RSEQLAB_TASKS(count, adder, N) { for (int k = 0; k < K; k++) increment(); }
#ifdef S
RSEQLAB_SIGNAL(count, adder, 10) { increment(); }
#endif
#ifndef S
RSEQLAB_FINALLY(count) { intptr_t sum = 0; for (int c = 0; c < 8; c++) sum += counter[c]; rseqlab_assert(sum == N * K); }
#else
RSEQLAB_FINALLY(count) { intptr_t sum = 0; for (int c = 0; c < 8; c++) sum += counter[c]; rseqlab_assert(sum >= N * K && sum <= N * (K + 1)); }
#endif
