/*
 * A pointer to this CPU's data that stays valid until the thread is switched: a flag in cpu_id_start, which is the kernel's, says that the pointer is
 * good, and is gone when the kernel writes the field again. TCMalloc does this. Up to 6.18 the kernel writes the field whenever the
 * thread comes back from a switch or a membarrier; 6.19 writes it only when the number has changed, so that a thread goes on with its pointer
 * while another one has stopped the CPU and empties it; 7.1 kills who writes the field.
 */
#include "percpu.h"
#include <rseqlab.h>

#define CACHED 0x80000000u
static struct {
	intptr_t count;
	long stopped;
} data[RSEQLAB_MAX_CPUS];
static intptr_t taken;
static long missed[2];

/* One more on this CPU; 0 where the CPU is stopped. `cached` is the thread's own. */
static int add_one(intptr_t **cached)
{
	struct rseq *rseq = rseq_self();

	for (;;) {
		asm goto(RSEQ_ARM RSEQ_START
			 I("testl $0x80000000, %[start]")
			 I("jz %l[slow]")
			 I("mov %[cached], %%rcx")
			 I("mov (%%rcx), %%rax")
			 I("inc %%rax")
			 I("mov %%rax, (%%rcx)")
			 RSEQ_END
			 : : RSEQ_INPUTS(0), [start] "m"(rseq->cpu_id_start), [cached] "m"(*cached)
			 : "rax", "rcx", "memory", "cc" : abort, slow);
		return 1;
slow:
		/* The flag first: if the thread is switched before the pointer stands, the flag is gone. */
		WRITE_ONCE(rseq->cpu_id_start, CACHED);
		{
			uint32_t cpu = READ_ONCE(rseq->cpu_id);

			if (READ_ONCE(data[cpu].stopped)) {
				WRITE_ONCE(rseq->cpu_id_start, cpu);
				return 0;
			}
			WRITE_ONCE(*cached, &data[cpu].count);
		}
abort:;
	}
}

static long membarrier(long command, long flags, long cpu)
{
	register long result __asm__("rax") = 324;

	__asm__ volatile("syscall" : "+r"(result) : "D"(command), "S"(flags), "d"(cpu) : "rcx", "r11", "memory");
	return result;
}

static void empty(long cpu)
{
	WRITE_ONCE(data[cpu].stopped, 1);
	rseqlab_assert(membarrier(128, 1, cpu) == 0);	/* PRIVATE_EXPEDITED_RSEQ, FLAG_CPU */
	taken += READ_ONCE(data[cpu].count);
	WRITE_ONCE(data[cpu].count, 0);
	WRITE_ONCE(data[cpu].stopped, 0);
}

static void reset(void)
{
	rseqlab_assert(membarrier(256, 0, 0) == 0);	/* REGISTER_PRIVATE_EXPEDITED_RSEQ */
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		data[cpu].count = data[cpu].stopped = 0;
	taken = missed[0] = missed[1] = 0;
}

static intptr_t sum(void)
{
	intptr_t total = taken + missed[0] + missed[1];

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += data[cpu].count;
	return total;
}

static void add(int thread, int times)
{
	intptr_t *cached = NULL;

	while (times--)
		missed[thread] += !add_one(&cached);
}

RSEQLAB_SCENARIO(cached, "nothing that is added is lost")
RSEQLAB_SETUP(cached) { reset(); }
RSEQLAB_TASK(cached, adder) { add(0, 2); }
RSEQLAB_TASK(cached, drainer) { empty(0); }
RSEQLAB_FINALLY(cached) { rseqlab_assert(sum() == 2); }

RSEQLAB_SCENARIO(cached3, "nothing that is added is lost")
RSEQLAB_SETUP(cached3) { reset(); }
RSEQLAB_TASK(cached3, adder) { add(0, 2); }
RSEQLAB_TASK(cached3, other) { add(1, 1); }
RSEQLAB_TASK(cached3, drainer) { empty(0); }
RSEQLAB_FINALLY(cached3) { rseqlab_assert(sum() == 3); }
