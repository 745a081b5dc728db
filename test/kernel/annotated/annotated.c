/*
 * Annotated calls (include/rseqlab_syscall.h) where signals come in between, without a C library: annotated PART. Every part prints what its calls gave.
 * Annotated calls are not made: who gets 11 or 22 was annotated. What is interrupted begins at `begin`, `naive_begin`.
 */
#include "../../conformance/sys.h"
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>

struct rseq_area {
	unsigned int cpu_id_start, cpu_id;
	unsigned long rseq_cs;
	unsigned int flags, node_id, mm_cid, slice;
} __attribute__((aligned(32)));
static struct rseq_area area;
#define RSEQLAB_RSEQ_CS() area.rseq_cs
#include "../../../include/rseqlab_syscall.h"

#ifdef __aarch64__
#define SIGNATURE 0xd428bc00
#define RESTORER 0 /* the kernel's own code (vdso(7)) */
#define SA_FLAGS 0
#else
#define SIGNATURE 0x53053053
#define RESTORER restorer
#define SA_FLAGS 0x04000000 /* SA_RESTORER */
asm(".text\nrestorer: mov $15, %eax\n syscall\n");
extern char restorer[];
#endif

#define MARK(name) asm volatile(".globl " #name "\n" #name ":" ::: "memory")

static struct rseqlab_annotation outer = {.actions = RSEQLAB_RETURN, .value = 11, .cookie = 1};
static struct rseqlab_annotation inner = {.actions = RSEQLAB_RETURN, .value = 22, .cookie = 2};
static struct rseqlab_annotation told = {.actions = RSEQLAB_TRACE, .cookie = 3};
static volatile long handled, plain, inside;
static int ends[2];

static void put(const char *text)
{
	long length = 0;
	while (text[length]) length++;
	sys(write, 1, text, length);
}

static void number(const char *name, long value)
{
	char digits[24], *at = digits + sizeof digits - 1;
	unsigned long rest = value < 0 ? -value : value;
	*at = 0;
	do *--at = '0' + rest % 10;
	while (rest /= 10);
	if (value < 0) *--at = '-';
	put(name);
	put(" ");
	put(at);
	put("\n");
}

static void on(int signal, void (*handler)(int), unsigned long flags)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		unsigned long mask;
	} action = {handler, flags | SA_FLAGS, RESTORER, 0};
	if (sys(rt_sigaction, signal, &action, 0, 8)) put("rt_sigaction fails\n");
}

/* A plain call, and one with a word of its own: neither is the one that was interrupted. */
static void calls(int signal)
{
	handled++;
	plain += sys(gettid) != sys(getpid);
	inside = rseqlab_syscall(&inner, __NR_getppid);
}

static void sweep(void)
{
	on(SIGUSR1, calls, 0);
	on(SIGUSR2, calls, 0);
	MARK(begin);
	long result = rseqlab_syscall(&outer, __NR_getpid);
	long seen = handled;
	number("outer", result);
	number("handled", seen);
	number("inner", seen ? inside : 22);
	number("plain calls annotated", plain);
}

/*
 * Its naive twin: the word is stored, and then a call made by the section of all calls. That it is one unit with its call nobody sees to, and a handler that
 * makes a call in between is taken for it.
 */
#ifdef __aarch64__
asm(".text\nnaive_call: mov x8, x0\n"
    " adrp x9, naive_cs\n add x9, x9, :lo12:naive_cs\n adrp x10, area\n add x10, x10, :lo12:area\n str x9, [x10, #8]\n"
    "naive_start: mov x19, x1\n svc #0\nnaive_end: str xzr, [x10, #8]\n ret\n"
    ".long 0xd428bc00\nnaive_abort: mov x0, x8\n b naive_call\n"
    ".pushsection __rseqlab_syscall, \"a\"\n.balign 4\n.long naive_end - .\n.popsection\n");
#else
asm(".text\nnaive_call: mov %rdi, %rax\n"
    " push %rbx\n movq $naive_cs, area+8(%rip)\n"
    "naive_start: mov %rsi, %rbx\n syscall\nnaive_end: movq $0, area+8(%rip)\n pop %rbx\n ret\n"
    ".long 0x53053053\nnaive_abort: pop %rbx\n jmp naive_call\n"
    ".pushsection __rseqlab_syscall, \"a\"\n.balign 4\n.long naive_end - .\n.popsection\n");
#endif
asm(".data\n.balign 32\nnaive_cs: .long 0, 0\n.quad naive_start, naive_end - naive_start, naive_abort\n.text\n");
long naive_call(long number, struct rseqlab_descriptor *next);
static long naive(long number)
{
#ifdef __aarch64__
	/* x19 is the caller's. */
	long result;
	asm volatile("mov x0, %1\n mov x1, %2\n bl naive_call\n mov %0, x0" : "=r"(result) : "r"(number), "r"(&rseqlab_next_call)
		     : "x0", "x1", "x8", "x9", "x10", "x19", "x30", "memory", "cc");
	return result;
#else
	return naive_call(number, &rseqlab_next_call);
#endif
}

static void calls_naively(int signal)
{
	handled++;
	inside = naive(__NR_getppid);
}

static void naively(void)
{
	on(SIGUSR1, calls_naively, 0);
	MARK(naive_begin);
	rseqlab_next_call.annotation = &outer;
	long result = naive(__NR_getpid);
	rseqlab_next_call.annotation = 0;
	long seen = handled;
	number("outer", result);
	number("handled", seen);
	number("inner is annotated", inside == 11);
}

static void writes(int signal)
{
	handled++;
	plain += sys(write, ends[1], "x", 1) != 1;
}

static void writes_and_calls(int signal)
{
	writes(signal);
	inside = rseqlab_syscall(&inner, __NR_getppid);
}

/* The handler writes what the call waits for: where the call is made again, the section has started over. */
__attribute__((noinline)) static void restart(unsigned long flags, void (*handler)(int))
{
	char byte = 0;
	sys(pipe2, ends, 0);
	on(SIGUSR1, handler, flags);
	long process = sys(getpid);
	if (sys(clone, SIGCHLD) == 0) {
		struct __kernel_timespec time = {0, 1000000};
		sys(nanosleep, &time, 0);
		sys(kill, process, SIGUSR1);
		sys(exit_group, 0);
	}
	number("read", rseqlab_syscall(&told, __NR_read, ends[0], &byte, 1));
	number("handled", handled);
	number("byte", byte);
}
static void restarted(void) { restart(SA_RESTART, writes); }
static void restarted_after(void) { restart(SA_RESTART, writes_and_calls); }
static void not_restarted(void) { restart(0, writes); }

static void forked(void)
{
	long process = sys(getpid);
	long child = rseqlab_syscall(&told, __NR_clone, SIGCHLD);
	if (sys(getpid) != process) {
		/* Behind the section: what was said is over. */
		number("child's word", (long)rseqlab_next_call.annotation);
		number("child's call", sys(getuid));
		sys(exit_group, 3);
	}
	int status = 0;
	sys(wait4, child, &status, 0, 0);
	number("status", status);
	number("again", rseqlab_syscall(&outer, __NR_getpid));
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {{"sweep", sweep}, {"naive", naively}, {"restart", restarted}, {"restart-annotated", restarted_after}, {"eintr", not_restarted}, {"fork", forked}};

static char thread_local_block[512] __attribute__((aligned(64)));

static int same(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	return *a == *b;
}

__attribute__((used)) _Noreturn static void start_c(long *stack)
{
	char **argv = (char **)(stack + 1);
#ifdef __aarch64__
	asm volatile("msr tpidr_el0, %0" : : "r"(thread_local_block));
#else
	char *pointer = thread_local_block + 256;
	*(char **)pointer = pointer;
	sys(arch_prctl, 0x1002 /* ARCH_SET_FS */, pointer);
#endif
	number("rseq", sys(rseq, &area, sizeof area, 0, SIGNATURE));
	for (unsigned long n = 0; n < sizeof parts / sizeof *parts; n++)
		if (same(parts[n].name, argv[1])) parts[n].run();
	for (;;) sys(exit_group, 0);
}

#ifdef __aarch64__
asm(".globl _start\n_start: mov x0, sp\n mov x29, #0\n bl start_c\n");
#else
asm(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start_c\n");
#endif

void *memset(void *to, int byte, u64 length)
{
	for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = byte;
	return to;
}
