/*
 * What a checkpointer does to a thread that it freezes: a tracer stops a thread anywhere, looks at its registration, and says where it is to go on. One of them is
 * right. What the others do has been done; -DNAME chooses one:
 *
 *   KEEP      leaves the thread where it is, and clears rseq_cs
 *   LATE      lets code of its own run in the thread before it reads rseq_cs, which the kernel has cleared by then
 *   STALE     takes a thread to be in a section because rseq_cs names one, and does not look where it is: the kernel clears rseq_cs late
 */
#include "../explore/percpu.h"
#include <rseqlab.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static long counter[RSEQLAB_MAX_CPUS], done;

/* Adds one. Natively it takes its time, so that a tracer finds it inside. */
ALWAYS_INLINE void increment(void)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(RSEQ_ARM
		 RSEQ_START
		 RSEQ_CHECK
		 I("mov %[counter], %%rax")
#ifdef RSEQLAB_NATIVE
		 I("mov $300000, %%ecx")
		 "5:\n\t"
		 I("dec %%ecx")
		 I("jnz 5b")
#endif
		 I("inc %%rax")
		 I("mov %%rax, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(counter[cpu]) : "rax", "rcx", "memory", "cc" : abort);
	return;
abort:
	goto again;
}

/* ------------------------------------------------------------------------------------ the tracer */

/* struct rseq_cs, and the registers of a thread (struct user_regs_struct): the 17th is the instruction pointer. */
struct descriptor {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};
struct registers {
	uint64_t before[16], ip, after[10];
};
enum { NT_PRSTATUS = 1 };

ALWAYS_INLINE long system_call(long number, long a, long b, long c, void *d, long e, long f)
{
	register void *r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
ALWAYS_INLINE long trace(long request, long thread, long address, void *data)
{
	return system_call(SYS_ptrace, request, thread, address, data, 0, 0);
}
ALWAYS_INLINE long get(long thread, uint64_t from, void *to, size_t size)
{
	struct iovec here = { to, size }, there = { (void *)from, size };

	return system_call(SYS_process_vm_readv, thread, (long)&here, 1, &there, 1, 0);
}

/* A thread as the kernel would judge it (kernel/rseq.c rseq_get_rseq_cs, rseq_ip_fixup): inside the section that its rseq_cs names? */
static int is_inside(long thread, const struct ptrace_rseq_configuration *known, const struct registers *registers,
		     const struct descriptor *section)
{
	uint32_t signature = 0;

#ifndef STALE
	if (registers->ip - section->start_ip >= section->post_commit_offset)
		return 0;
#else
	(void)registers;
#endif
	if (section->version || section->abort_ip - section->start_ip < section->post_commit_offset)
		return 0;
	get(thread, section->abort_ip - 4, &signature, sizeof(signature));
	return signature == known->signature;
}

/* Natively somebody else comes only where there is time for it. */
static void wait_natively(long nanoseconds)
{
#ifdef RSEQLAB_NATIVE
	struct timespec time = { 0, nanoseconds };

	system_call(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
#else
	(void)nanoseconds;
#endif
}

static void freeze(long thread)
{
	struct ptrace_rseq_configuration known;
	struct descriptor section;
	struct registers registers;
	struct iovec vector = { &registers, sizeof(registers) };
	uint64_t field, rseq_cs = 0;

	trace(PTRACE_GET_RSEQ_CONFIGURATION, thread, sizeof(known), &known);
	trace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &vector);
	field = known.rseq_abi_pointer + offsetof(struct rseq, rseq_cs);
#ifdef LATE
	/* The thread's ip is somewhere else while it runs the checkpointer's code: so the kernel clears rseq_cs, and aborts nothing. */
	trace(PTRACE_POKEDATA, thread, field, 0);
#endif
	get(thread, field, &rseq_cs, sizeof(rseq_cs));
	if (!rseq_cs)
		return;
	get(thread, rseq_cs, &section, sizeof(section));
	if (!is_inside(thread, &known, &registers, &section))
		return;
#ifndef KEEP
	registers.ip = section.abort_ip;
	trace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &vector);
#endif
	/* In the image nothing is armed: the thread registers anew. */
	trace(PTRACE_POKEDATA, thread, field, 0);
}

/* ---------------------------------------------------------------------------------- the scenario */

static long sum(void)
{
	long total = 0;

	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		total += counter[cpu];
	return total;
}

/* Natively all run on one CPU, so that they count in one place. */
static void meet(void)
{
#ifdef RSEQLAB_NATIVE
	unsigned long one = 1UL << rseq_index();

	system_call(SYS_sched_setaffinity, 0, sizeof(one), (long)&one, 0, 0, 0);
#endif
}

RSEQLAB_SCENARIO(freeze, "a checkpoint loses no increment, and makes none twice")
RSEQLAB_SETUP(freeze)
{
	for (int cpu = 0; cpu < RSEQLAB_MAX_CPUS; cpu++)
		counter[cpu] = 0;
	done = 0;
	meet();
}
RSEQLAB_TASK(freeze, frozen) 
{
	increment();
	WRITE_ONCE(done, 1);
	/* As a library does before it goes away. */
	WRITE_ONCE(rseq_self()->rseq_cs, 0);
}
RSEQLAB_TASK(freeze, other)
{
	wait_natively(100000);
	increment();
}
RSEQLAB_TRACER(freeze, frozen, thread) 
{
	freeze(thread);
	wait_natively(500000);
}
RSEQLAB_FINALLY(freeze) { rseqlab_assert(sum() == 2); }
