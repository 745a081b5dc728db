/* Functions that tests call as tasks: there is no scenario here. build.sh makes the objects. */
#include "percpu.h"
#include <rseqlab.h>

long counters[RSEQLAB_MAX_CPUS];

/* Adds to the CPU's counter in a section. With -DLOST the counter is read in front of it. */
long add(long *all, long count)
{
again:;
	uint32_t cpu = rseq_index();
#ifdef LOST
	long sum = READ_ONCE(all[cpu]) + count;
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 I("mov %[sum], %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(all[cpu]), [sum] "r"(sum) : "rcx", "memory", "cc" : abort);
#else
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 I("mov %[counter], %%rax")
		 I("add %[count], %%rax")
		 I("mov %%rax, %[counter]")
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [counter] "m"(all[cpu]), [count] "r"(count) : "rax", "rcx", "memory", "cc" : abort);
#endif
	return count;
abort:
	goto again;
}

int exchange(int *place, int value)
{
	__asm__ volatile("xchg %0, %1" : "+r"(value), "+m"(*place));
	return value;
}

/* Stores, and leaves in rax what others may have stored: nobody is to look at that. */
void put(long *place, long value)
{
	__asm__ volatile("mov %1, %0\n\tmov %0, %%rax" : "+m"(*place) : "r"(value) : "rax");
}

/* Takes so many tickets, and gives the last. */
long tickets(long *next, long count)
{
	long mine = 0;
	while (count-- > 0) {
		mine = 1;
		__asm__ volatile("lock xadd %0, %1" : "+r"(mine), "+m"(*next));
	}
	return mine;
}

long another_ticket(long *next)
{
	return tickets(next, 1);
}

long six(long a, long b, unsigned long c, char *d, long *e, long f)
{
	rseqlab_assert(a == 1 && b == -2 && c == 0xffffffffffffffff && d == (char *)&counters[1] && *e == 0 && f == 6);
	return a;
}
