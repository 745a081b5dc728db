/*
 * What a checkpointer does to a thread that it brings back: before any of the program's code runs in the new process, memory is as it was, and rseq is registered
 * with the address, length and signature that PTRACE_GET_RSEQ_CONFIGURATION told. It was frozen on CPU 0. What has been done instead; -DNAME chooses:
 *
 *   ACTIVE    registers as many bytes as are active (__rseq_size), and does not look at the error: before 7.0 the kernel wants 32 at least
 *   AFTER     puts memory back behind the registration: the numbers of the CPU where the thread was once
 *   FLAGS     puts struct rseq's flags back as they were on a kernel since 7.0, which says there what it can do; up to 6.18 they kill
 */
#include "../explore/percpu.h"
#include <rseqlab.h>
#include <sys/syscall.h>

extern const unsigned int __rseq_size;
static long counter[RSEQLAB_MAX_CPUS];
enum { SIGNATURE = 0x53053053, UNREGISTER = 1, SLICE_EXT_AVAILABLE = 0x10 };

ALWAYS_INLINE long sys_rseq(struct rseq *area, long length, long flags)
{
	register long signature __asm__("r10") = SIGNATURE;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_rseq), "D"(area), "S"(length), "d"(flags), "r"(signature)
			 : "rcx", "r11", "memory");
	return result;
}

/* The contents of struct rseq in the image. */
static void put_memory_back(struct rseq *area)
{
	WRITE_ONCE(area->cpu_id_start, 0);
	WRITE_ONCE(area->cpu_id, 0);
	WRITE_ONCE(area->rseq_cs, 0);
#ifdef FLAGS
	WRITE_ONCE(area->flags, SLICE_EXT_AVAILABLE);
#else
	WRITE_ONCE(area->flags, 0);
#endif
}

static void thaw(void)
{
	struct rseq *area = rseq_self();
	long length = __rseq_size < 32 ? 32 : __rseq_size;

	/* A new process has nothing registered. */
	sys_rseq(area, length, UNREGISTER);
#ifdef AFTER
	sys_rseq(area, length, 0);
	put_memory_back(area);
#else
	put_memory_back(area);
#ifdef ACTIVE
	sys_rseq(area, __rseq_size, 0);
#else
	sys_rseq(area, length, 0);
#endif
#endif
}

static void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
		 RSEQ_START
		 RSEQ_CHECK
		 I("mov %[counter], %%rax")
		 I("inc %%rax")
		 I("mov %%rax, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(counter[cpu]) : "rax", "rcx", "memory", "cc" : abort);
	return;
abort:
	goto again;
}

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	return total;
}

RSEQLAB_SCENARIO(thaw, "a thread that was brought back loses no increment")
RSEQLAB_SETUP(thaw)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counter[cpu] = 0;
}
RSEQLAB_TASK(thaw, thawed)
{
	thaw();
	increment();
}
RSEQLAB_TASK(thaw, other) { increment(); }
RSEQLAB_FINALLY(thaw) { rseqlab_assert(sum() == 2); }
