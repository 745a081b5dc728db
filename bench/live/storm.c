/*
 * As many aborts as can be: a restartable sequence sends its own thread a signal, so that it is aborted each time, by itself, however loaded the
 * machine is. Ends after so many aborts (first argument), which the abort handler counts. With a second argument: so many a second, if it can.
 * Prints the aborts, the nanoseconds that they took, and how many of these it had the CPU.
 */
typedef unsigned int u32;
typedef unsigned long u64;
#define SIGNATURE 0x53053053
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
static struct rseq area;
static u64 aborts;

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}
enum { WRITE = 1, SIGACTION = 13, GETTID = 186, CLOCK = 228, RSEQ = 334 };

/* Sends SIGUSR1 to the thread, inside: it is aborted on the way back from the system call, and never gets to its end. */
static __attribute__((noinline)) void once(struct rseq *rseq, long tid)
{
	__asm__ volatile(
		".pushsection __rseq_cs,\"aw\"\n\t.balign 32\n"
		"once_cs:\t.long 0, 0\n\t.quad once_start, once_end - once_start, once_abort\n\t.popsection\n\t"
		".pushsection __rseq_cs_ptr_array,\"aw\"\n\t.quad once_cs\n\t.popsection\n\t"
		".pushsection __rseq_failure,\"ax\"\n\t.long 0x53053053\n"
		"once_abort:\tincq %1\n\tjmp once_out\n\t.popsection\n\t"
		"lea once_cs(%%rip),%%rcx\n\t"
		"mov %%rcx,8(%0)\n"
		"once_start:\tmov $200,%%eax\n\t" /* tkill */
		"mov %2,%%rdi\n\t"
		"mov $10,%%esi\n\t" /* SIGUSR1 */
		"syscall\n\t"
		"nop\n"
		"once_end:\n"
		"once_out:"
		: : "r"(rseq), "m"(aborts), "r"(tid) : "rax", "rcx", "rdi", "rsi", "r11", "cc", "memory");
}

static void on_signal(int signal) { (void)signal; }
__asm__(".type restore,@function\nrestore:\n\tmov $15,%eax\n\tsyscall\n.size restore,.-restore\n");
extern void restore(void);

enum { MONOTONIC = 1, PROCESS_CPUTIME = 2 };
static u64 nanoseconds(int clock)
{
	u64 time[2];
	call(CLOCK, clock, (long)time, 0, 0);
	return time[0] * 1000000000 + time[1];
}

static u64 number(const char *text)
{
	u64 value = 0;
	while (*text)
		value = value * 10 + (u64)(*text++ - '0');
	return value;
}

static int digits(char *line, int at, u64 value)
{
	do
		line[--at] = '0' + value % 10;
	while (value /= 10);
	return at;
}

static void print(u64 value, u64 time, u64 own)
{
	char line[64];
	int at = sizeof line;
	line[--at] = '\n';
	at = digits(line, at, own);
	line[--at] = ' ';
	at = digits(line, at, time);
	line[--at] = ' ';
	at = digits(line, at, value);
	call(WRITE, 1, (long)(line + at), sizeof line - at, 0);
}

__attribute__((used)) static int program(long argc, char **argv)
{
	struct { void (*handler)(int); u64 flags; void (*restorer)(void); u64 mask; } action = { on_signal, 0x04000000 /* SA_RESTORER */, restore, 0 };
	u64 wanted = argc > 1 ? number(argv[1]) : 100000, rate = argc > 2 ? number(argv[2]) : 0;
	long tid = call(GETTID, 0, 0, 0, 0);
	call(SIGACTION, 10, (long)&action, 0, 8);
	if (call(RSEQ, (long)&area, sizeof area, 0, SIGNATURE) != 0)
		return 2;
	u64 began = nanoseconds(MONOTONIC), own = nanoseconds(PROCESS_CPUTIME);
	for (u64 sent = 0; aborts < wanted; sent++) {
		while (rate != 0 && nanoseconds(MONOTONIC) - began < sent * 1000000000 / rate)
			__asm__ volatile("pause");
		once(&area, tid);
	}
	print(aborts, nanoseconds(MONOTONIC) - began, nanoseconds(PROCESS_CPUTIME) - own);
	return 0;
}

__asm__(".globl _start\n.type _start,@function\n_start:\n\tmov (%rsp),%rdi\n\tlea 8(%rsp),%rsi\n\tand $-16,%rsp\n\tcall program\n\tmov %eax,%edi\n\tmov $231,%eax\n\tsyscall\n.size _start,.-_start\n");
