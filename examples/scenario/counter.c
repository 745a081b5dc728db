/* A per-CPU counter as restartable sequences have it: two threads increment, and a signal arrives at one of them. */
#include <rseqlab.h>
#include <stdint.h>

struct rseq {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid;
} __attribute__((aligned(32)));

extern const long __rseq_offset;
static long counters[RSEQLAB_MAX_CPUS][8];
static volatile long arrived;

static inline struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

#ifdef LOST	/* forgets to arm the section: it runs unprotected */
#define ARM "nop\n"
#else
#define ARM "mov %%rax, %[rseq_cs]\n"
#endif

/* Returns -1 where the section was aborted. */
static inline __attribute__((always_inline)) int add_one(long *counter, uint32_t cpu)
{
	asm goto(".pushsection __rseq_cs, \"aw\"\n\t"
		 ".balign 32\n\t"
		 "3: .long 0, 0\n\t"
		 ".quad 1f, 2f - 1f, 4f\n\t"
		 ".popsection\n\t"
		 ".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"
		 ".quad 3b\n\t"
		 ".popsection\n\t"
		 "lea 3b(%%rip), %%rax\n\t"
		 ARM
		 "1:\n\t"
		 "cmp %[cpu], %[cpu_id]\n\t"
		 "jnz 4f\n\t"
		 "mov %[counter], %%rax\n\t"
		 "inc %%rax\n\t"
		 "mov %%rax, %[counter]\n"
		 "2:\n\t"
		 ".pushsection __rseq_failure, \"ax\"\n\t"
		 ".byte 0x0f, 0xb9, 0x3d\n\t"
		 ".long 0x53053053\n"
		 "4:\n\t"
		 "jmp %l[abort]\n\t"
		 ".popsection"
		 :
		 : [rseq_cs] "m"(area()->rseq_cs), [cpu_id] "m"(area()->cpu_id), [cpu] "r"(cpu), [counter] "m"(*counter)
		 : "memory", "cc", "rax"
		 : abort);
	return 0;
abort:
	return -1;
}

static void increment(void)
{
	uint32_t cpu;

	do
		cpu = *(volatile uint32_t *)&area()->cpu_id_start;
	while (add_one(&counters[cpu][0], cpu));
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counters[cpu][0];
	return total;
}

#define TIMES 1000

RSEQLAB_SCENARIO(count, "no increment is lost");
RSEQLAB_SETUP(count)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counters[cpu][0] = 0;
	arrived = 0;
}
RSEQLAB_TASK(count, one) { for (int n = 0; n < TIMES; n++) increment(); }
RSEQLAB_TASK(count, two) { for (int n = 0; n < TIMES; n++) increment(); }
RSEQLAB_SIGNAL(count, two, 10) { increment(); arrived++; }
RSEQLAB_INVARIANT(count) { return sum() <= 2 * TIMES + 1; }
RSEQLAB_FINALLY(count) { rseqlab_assert(sum() == 2 * TIMES + arrived); rseqlab_result(sum()); }
