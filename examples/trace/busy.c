/*
 * Three threads that are inside a restartable sequence most of the time, so that whatever interrupts them aborts one: other threads (there are
 * more of them than CPUs, often), a timer's signal, membarrier(2). One of them also registers twice, at another address, which the kernel refuses.
 * The only argument is for how many milliseconds; 300 without. SIGTERM
 * ends it sooner. No C library: threads, rseq(2) and the rest are a few system calls.
 */
typedef unsigned int u32;
typedef unsigned long u64;

#define SIGNATURE 0x53053053
#define THREADS 3
#define CPUS 256
#define WORDS 64

/* struct rseq and struct rseq_cs of linux/rseq.h. */
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));

static struct rseq areas[THREADS + 1];
static u64 counters[CPUS], sums[CPUS];
static u64 words[WORDS];
static volatile int running = THREADS, stop;

static long call6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}
#define call(number, a, b, c, d) call6(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
enum {
	WRITE = 1, SIGACTION = 13, SIGPROCMASK = 14, NANOSLEEP = 35, SETITIMER = 38, CLONE = 56, EXIT_GROUP = 231, FUTEX = 202, CLOCK = 228,
	MEMBARRIER = 324, RSEQ = 334,
};

/* sections.S */
void count(struct rseq *, u64 *counters);
void add_up(struct rseq *, u64 *sums, const u64 *words);

static void work(struct rseq *rseq)
{
	if (call(RSEQ, rseq, sizeof *rseq, 0, SIGNATURE) != 0)
		call(EXIT_GROUP, 2, 0, 0, 0);
	if (rseq == areas)
		call(RSEQ, &areas[THREADS], sizeof *rseq, 0, SIGNATURE); /* EINVAL */
	while (!stop) {
		add_up(rseq, sums, words);
		for (int n = 0; n < 1000; n++)
			count(rseq, counters);
	}
	if (__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST) == 0)
		call(FUTEX, &running, 1 /* FUTEX_WAKE */, 1, 0);
}

static char stacks[THREADS][8192] __attribute__((aligned(16)));
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

static volatile int over;
static void on_alarm(int signal) { (void)signal; }
static void on_term(int signal) { (void)signal; over = 1; }
__asm__(".type restore,@function\nrestore:\n\tmov $15,%eax\n\tsyscall\n.size restore,.-restore\n");
extern void restore(void);

static u64 milliseconds(void)
{
	u64 time[2];
	call(CLOCK, 1 /* CLOCK_MONOTONIC */, time, 0, 0);
	return time[0] * 1000 + time[1] / 1000000;
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
	line[length++] = '\n';
	call(WRITE, 1, line, length, 0);
}

__attribute__((used)) static int program(long argc, char **argv)
{
	struct { void (*handler)(int); u64 flags; void (*restorer)(void); u64 mask; } action = { on_alarm, 0x14000000 /* SA_RESTORER | SA_RESTART */, restore, 0 };
	u64 alarm = 1 << 13, timer[4] = { 0, 5000, 0, 5000 }, pause[2] = { 0, 5000000 }, sum = 0, time = 300;
	if (argc > 1) {
		time = 0;
		for (const char *digit = argv[1]; *digit; digit++)
			time = time * 10 + (u64)(*digit - '0');
	}
	for (int n = 0; n < WORDS; n++)
		words[n] = (u64)n;
	call(SIGACTION, 14 /* SIGALRM */, &action, 0, 8);
	action.handler = on_term;
	call(SIGACTION, 15 /* SIGTERM */, &action, 0, 8);
	call(MEMBARRIER, 256 /* REGISTER_PRIVATE_EXPEDITED_RSEQ */, 0, 0, 0);
	for (int thread = 0; thread < THREADS; thread++)
		start(thread);
	/* The signal is for the others. */
	call(SIGPROCMASK, 0 /* SIG_BLOCK */, &alarm, 0, 8);
	call(SETITIMER, 0 /* ITIMER_REAL */, timer, 0, 0);
	for (u64 end = milliseconds() + time; milliseconds() < end && !over;) {
		call(NANOSLEEP, pause, 0, 0, 0);
		call(MEMBARRIER, 128 /* PRIVATE_EXPEDITED_RSEQ */, 0, 0, 0);
	}
	stop = 1;
	for (int left; (left = running) != 0;)
		call(FUTEX, &running, 0 /* FUTEX_WAIT */, left, 0);
	for (int cpu = 0; cpu < CPUS; cpu++)
		sum += counters[cpu];
	print("counted to ", sum);
	return 0;
}

__asm__(".globl _start\n.type _start,@function\n_start:\n\tmov (%rsp),%rdi\n\tlea 8(%rsp),%rsi\n\tand $-16,%rsp\n\tcall program\n\tmov %eax,%edi\n\tmov $231,%eax\n\tsyscall\n.size _start,.-_start\n");
