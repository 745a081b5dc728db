/*
 * Four threads count on per-CPU counters, each with a restartable sequence. No C library: thread, rseq(2) and output are a few system calls.
 * With -DGAP the counter is read one instruction too early: between the store to rseq_cs and start_ip (see examples/check). With -DFEW it is two
 * threads that count three times each, which is little enough to explore.
 */
typedef unsigned int u32;
typedef unsigned long u64;

#define SIGNATURE 0x53053053
#ifdef FEW
#define THREADS 2
#define ROUNDS 3
#else
#define THREADS 4
#define ROUNDS 250
#endif
#define CPUS 64

/* struct rseq and struct rseq_cs of linux/rseq.h. */
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
struct rseq_cs { u32 version, flags; u64 start_ip, post_commit_offset, abort_ip; } __attribute__((aligned(32)));

static struct rseq areas[THREADS];
static u64 counters[CPUS];
static volatile int running = THREADS;

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}
enum { WRITE = 1, CLONE = 56, EXIT = 60, FUTEX = 202, EXIT_GROUP = 231, RSEQ = 334 };

/* Adds 1 to the counter of this CPU. */
static __attribute__((noinline)) void count(struct rseq *rseq)
{
	__asm__ volatile(
		".pushsection __rseq_cs,\"aw\"\n\t"
		".balign 32\n"
		"count_cs:\t.long 0, 0\n\t"
		".quad count_start, count_end - count_start, count_abort\n\t"
		".popsection\n\t"
		".pushsection __rseq_cs_ptr_array,\"aw\"\n\t"
		".quad count_cs\n\t"
		".popsection\n\t"
		".pushsection __rseq_exit_point_array,\"aw\"\n\t"
		".quad count_start, count_again\n\t"
		".popsection\n\t"
		".pushsection __rseq_failure,\"ax\"\n\t"
		".long 0x53053053\n"
		"count_abort:\tjmp count_again\n\t"
		".popsection\n"
		"count_again:\n\t"
		"mov (%0),%%eax\n\t" /* cpu_id_start */
		"lea count_cs(%%rip),%%rcx\n\t"
		"mov %%rcx,8(%0)\n\t" /* rseq_cs: the section is armed */
#ifdef GAP
		"mov (%1,%%rax,8),%%rcx\n"
#endif
		"count_start:\n\t"
		"cmp %%eax,4(%0)\n\t" /* still on that CPU? */
		"jne count_again\n\t"
#ifndef GAP
		"mov (%1,%%rax,8),%%rcx\n\t"
#endif
		"inc %%rcx\n\t"
		"mov %%rcx,(%1,%%rax,8)\n" /* the commit */
		"count_end:"
		: : "r"(rseq), "r"(counters) : "rax", "rcx", "cc", "memory");
}

static void work(struct rseq *rseq)
{
	if (call(RSEQ, (long)rseq, sizeof *rseq, 0, SIGNATURE) != 0)
		call(EXIT_GROUP, 2, 0, 0, 0);
	for (int round = 0; round < ROUNDS; round++)
		count(rseq);
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST) == 0)
		call(FUTEX, (long)&running, 1 /* FUTEX_WAKE */, 1, 0);
}

static char stacks[THREADS][4096] __attribute__((aligned(16)));
static void start(int thread)
{
	void **top = (void **)(stacks[thread] + sizeof stacks[thread]);
	long result;
	*--top = &areas[thread];
	*--top = (void *)work;
	/* CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM; the new thread takes function and argument from its stack. */
	__asm__ volatile("xor %%edx,%%edx\n\txor %%r10d,%%r10d\n\txor %%r8d,%%r8d\n\tsyscall\n\ttest %%eax,%%eax\n\tjnz 1f\n\t"
			 "pop %%rax\n\tpop %%rdi\n\tcall *%%rax\n\tmov $60,%%eax\n\txor %%edi,%%edi\n\tsyscall\n1:"
			 : "=a"(result) : "a"(CLONE), "D"(0x50f00), "S"(top) : "rcx", "rdx", "r8", "r10", "r11", "memory");
}

static void print(const char *text, u64 value)
{
	char line[64], digits[24];
	int length = 0, n = 0;
	while (*text)
		line[length++] = *text++;
	do
		digits[n++] = '0' + value % 10;
	while (value /= 10);
	while (n)
		line[length++] = digits[--n];
	call(WRITE, 1, (long)line, length, 0);
}

__attribute__((used)) static int program(void)
{
	u64 sum = 0;
	for (int thread = 0; thread < THREADS; thread++)
		start(thread);
	for (int left; (left = running) != 0;)
		call(FUTEX, (long)&running, 0 /* FUTEX_WAIT */, left, 0);
	for (int cpu = 0; cpu < CPUS; cpu++)
		sum += counters[cpu];
	print("counted ", sum);
	print(" of ", THREADS * ROUNDS);
	call(WRITE, 1, (long)"\n", 1, 0);
	return sum == THREADS * ROUNDS ? 0 : 1;
}

__asm__(".globl _start\n.type _start,@function\n_start:\n\tand $-16,%rsp\n\tcall program\n\tmov %eax,%edi\n\tmov $231,%eax\n\tsyscall\n.size _start,.-_start\n");
