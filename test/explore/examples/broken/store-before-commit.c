/* Two counters, one store each: aborted in between, the first goes up twice. Mended they are the halves of one word. */
#define OTHER_SCENARIO
#include "broken.h"

static struct {
	uint32_t count, also;
} __attribute__((aligned(8))) both[RSEQLAB_MAX_CPUS];

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
#ifdef MENDED
		 "mov $0x100000001, %%rax\n\t"
		 "add %[slot], %%rax\n\t"
		 "mov %%rax, %[slot]\n"
#else
		 "mov %[also], %%eax\n\t"
		 "inc %%eax\n\t"
		 "mov %%eax, %[also]\n\t"
		 "mov %[slot], %%eax\n\t"
		 "inc %%eax\n\t"
		 "mov %%eax, %[slot]\n"
#endif
		 RSEQ_END : : RSEQ_INPUTS(cpu), [slot] "m"(both[cpu].count), [also] "m"(both[cpu].also) : CHANGES : abort);
	return;
abort:
	goto again;
}

RSEQLAB_SCENARIO(count, "both counters count the same")
RSEQLAB_SETUP(count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		both[cpu].count = both[cpu].also = 0;
}
RSEQLAB_TASKS(count, counter, 2) { increment(); }
RSEQLAB_FINALLY(count)
{
	uint32_t count = 0, also = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++) {
		count += both[cpu].count;
		also += both[cpu].also;
	}
	rseqlab_assert(count == 2 && also == 2);
}
