/*
 * Per-CPU counters, each with a restartable sequence of its own: one that is right, and others with a mistake that no ordinary run shows.
 *   ./counters NAME [THREADS [INCREMENTS [CHILDREN]]]
 * Exit status 0: all increments were counted. No C library: threads, rseq(2) and output are a few system calls.
 */
typedef unsigned int u32;
typedef unsigned long u64;

#define CPUS 256
#define MOST_THREADS 512

/* struct rseq of linux/rseq.h. */
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
/* A cache line for each CPU. */
struct slot { u64 count, seen, pad[6]; };

static struct rseq areas[MOST_THREADS];
static struct slot slots[CPUS];
static u64 increments = 10000;
static volatile int running;

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}
enum { WRITE = 1, FORK = 57, EXIT = 60, WAIT4 = 61, FUTEX = 202, EXIT_GROUP = 231, RSEQ = 334 };

/*
 * rdi: struct rseq, rsi: slots. `body` is the section, from the comparison of the CPU on; `signature` stands in front of the abort handler, which goes to
 * `retry`. rax: the CPU, rcx: the count, r8: the slot. What is in front of the section is in `before`, what is behind in `behind`.
 */
#define SECTION(name, before, body, behind, signature, retry)                                    \
	__attribute__((naked)) static void name(struct rseq *rseq __attribute__((unused)), struct slot *slots __attribute__((unused))) \
	{                                                                                        \
	__asm__(".pushsection __rseq_cs,\"aw\"\n.balign 32\n"                                    \
		#name "_cs: .long 0, 0\n.quad " #name "_start, " #name "_end - " #name "_start, " #name "_abort\n" \
		".popsection\n.pushsection __rseq_cs_ptr_array,\"aw\"\n.quad " #name "_cs\n.popsection\n" \
		before                                                                           \
		#name "_again:\n\tmov (%rdi),%eax\n"                                             \
		"\tlea " #name "_cs(%rip),%rcx\n\tmov %rcx,8(%rdi)\n"                            \
		#name "_start:\n\tcmp %eax,4(%rdi)\n\tjne " #name "_again\n" body                \
		#name "_end:\n" behind "\tret\n"                                                 \
		"\t.long " signature "\n" #name "_abort:\n\tjmp " #name retry "\n");              \
	}

#define SLOT "\tmov %rax,%r8\n\tshl $6,%r8\n"
#define ADD "\tmov (%rsi,%r8),%rcx\n\tinc %rcx\n"
#define COMMIT "\tmov %rcx,(%rsi,%r8)\n"
#define SIGNATURE "0x53053053"

SECTION(good, "", SLOT ADD COMMIT, "", SIGNATURE, "_again")
/* What others see of an increment is counted before it is committed: an abort in between counts it twice. */
SECTION(store_before_commit, "", SLOT ADD "\tincq 8(%rsi,%r8)\n" COMMIT, "", SIGNATURE, "_again")
/* The section goes on behind its commit: an abort there increments again. */
SECTION(commit_not_last, "", SLOT ADD COMMIT "\tmov %rcx,%rdx\n", "", SIGNATURE, "_again")
/* The kernel has set rseq_cs to zero: the second attempt runs without protection. */
SECTION(retry_without_rearming, "", SLOT ADD COMMIT, "", SIGNATURE, "_start")
/* An abort between push and pop leaves a word on the stack. */
SECTION(stack_imbalance, "", "\tpush %rbx\n\tmov %rax,%rbx\n\tshl $6,%rbx\n\tmov (%rsi,%rbx),%rcx\n\tinc %rcx\n\tmov %rcx,(%rsi,%rbx)\n", "\tpop %rbx\n",
	SIGNATURE, "_again")
/* What is to be added is changed on the way: the second attempt adds something else. */
SECTION(clobbered_input, "\tmov $1,%edx\n", SLOT "\tadd (%rsi,%r8),%rdx\n\tmov %rdx,(%rsi,%r8)\n", "", SIGNATURE, "_again")
/* The kernel kills instead of aborting. */
SECTION(wrong_signature, "", SLOT ADD COMMIT, "\tmovq $0,8(%rdi)\n", "0x53053054", "_again")
/* The count is read between the store to rseq_cs and the start: an interruption there disarms the section. */
__attribute__((naked)) static void arming_gap(struct rseq *rseq __attribute__((unused)), struct slot *slots __attribute__((unused)))
{
	__asm__(".pushsection __rseq_cs,\"aw\"\n.balign 32\n"
		"arming_gap_cs: .long 0, 0\n.quad arming_gap_start, arming_gap_end - arming_gap_start, arming_gap_abort\n"
		".popsection\n.pushsection __rseq_cs_ptr_array,\"aw\"\n.quad arming_gap_cs\n.popsection\n"
		"arming_gap_again:\n\tmov (%rdi),%eax\n"
		"\tlea arming_gap_cs(%rip),%rcx\n\tmov %rcx,8(%rdi)\n" SLOT "\tmov (%rsi,%r8),%rcx\n"
		"arming_gap_start:\n\tcmp %eax,4(%rdi)\n\tjne arming_gap_again\n\tinc %rcx\n" COMMIT
		"arming_gap_end:\n\tret\n"
		"\t.long " SIGNATURE "\narming_gap_abort:\n\tjmp arming_gap_again\n");
}

static const struct { const char *name; void (*add)(struct rseq *, struct slot *); } SECTIONS[] = {
	{ "good", good },
	{ "store-before-commit", store_before_commit },
	{ "commit-not-last", commit_not_last },
	{ "retry-without-rearming", retry_without_rearming },
	{ "stack-imbalance", stack_imbalance },
	{ "clobbered-input", clobbered_input },
	{ "wrong-signature", wrong_signature },
	{ "arming-gap", arming_gap },
};
static void (*add)(struct rseq *, struct slot *);

static void work(struct rseq *rseq)
{
	if (call(RSEQ, (long)rseq, sizeof *rseq, 0, 0x53053053) != 0)
		call(EXIT_GROUP, 2, 0, 0, 0);
	for (u64 n = 0; n < increments; n++)
		add(rseq, slots);
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST) == 0)
		call(FUTEX, (long)&running, 1 /* FUTEX_WAKE */, 1, 0);
}

static char stacks[MOST_THREADS][4096] __attribute__((aligned(16)));
static void start(int thread)
{
	void **top = (void **)(stacks[thread] + sizeof stacks[thread]);
	long result;
	*--top = 0;
	*--top = 0;
	*--top = &areas[thread];
	*--top = (void *)work;
	/* CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM; the new thread takes function and argument from its stack. */
	__asm__ volatile("xor %%edx,%%edx\n\txor %%r10d,%%r10d\n\txor %%r8d,%%r8d\n\tsyscall\n\ttest %%eax,%%eax\n\tjnz 1f\n\t"
			 "pop %%rax\n\tpop %%rdi\n\tcall *%%rax\n\tmov $60,%%eax\n\txor %%edi,%%edi\n\tsyscall\n1:"
			 : "=a"(result) : "a"(56), "D"(0x50f00), "S"(top) : "rcx", "rdx", "r8", "r10", "r11", "memory");
	if (result < 0)
		call(EXIT_GROUP, 3, 0, 0, 0);
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

static u64 number(const char *text)
{
	u64 value = 0;
	while (*text)
		value = 10 * value + (*text++ - '0');
	return value;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Runs the threads; were all increments counted? */
static int count(int threads)
{
	u64 sum = 0, seen = 0;

	for (int cpu = 0; cpu < CPUS; cpu++)
		slots[cpu].count = slots[cpu].seen = 0;
	running = threads;
	for (int thread = 0; thread < threads; thread++)
		start(thread);
	for (int left; (left = running) != 0;)
		call(FUTEX, (long)&running, 0 /* FUTEX_WAIT */, left, 0);
	for (int cpu = 0; cpu < CPUS; cpu++)
		sum += slots[cpu].count, seen += slots[cpu].seen;
	print("counted ", sum);
	print(" of ", threads * increments);
	if (seen)
		print(", seen ", seen);
	call(WRITE, 1, (long)"\n", 1, 0);
	return sum == threads * increments && (seen == 0 || seen == sum);
}

__attribute__((used)) static int program(long *stack)
{
	int argc = *stack, threads = 2, children = 0, failed = 0;
	char **argv = (char **)(stack + 1);

	for (unsigned n = 0; argc > 1 && n < sizeof SECTIONS / sizeof *SECTIONS; n++)
		if (same(argv[1], SECTIONS[n].name))
			add = SECTIONS[n].add;
	if (argc > 2)
		threads = number(argv[2]);
	if (argc > 3)
		increments = number(argv[3]);
	if (argc > 4)
		children = number(argv[4]);
	if (!add || threads < 1 || threads > MOST_THREADS) {
		call(WRITE, 2, (long)"usage: counters NAME [THREADS [INCREMENTS [CHILDREN]]]\n", 55, 0);
		return 2;
	}
	failed = !count(threads);
	/* Each child counts on from here, in memory of its own. */
	for (int child = 0; child < children; child++) {
		long pid = call(FORK, 0, 0, 0, 0);
		int status = 0;
		if (pid == 0)
			return !count(threads);
		while (call(WAIT4, pid, (long)&status, 0, 0) == -4 /* EINTR */)
			;
		failed |= status;
	}
	return failed != 0;
}

__asm__(".globl _start\n.type _start,@function\n_start:\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall program\n\tmov %eax,%edi\n\tmov $231,%eax\n\tsyscall\n.size _start,.-_start\n");
