/*
 * What bench/checkpoint freezes:  heap FILE MEGABYTES THREADS     (megabytes: a power of two)
 * Private memory, all of it touched: a half of words that repeat, a quarter of noise, a quarter of zeros. All threads are registered. One watches the
 * clock: it sleeps a tenth of a millisecond at a time, ahead of all others if it may, and keeps the longest time in which it was not there. One
 * writes: it puts the number of its round into one page after the other, all over the memory (16 in a millisecond). The others count in a section each millisecond.
 * FILE, mapped, tells: 0 ready, 1 nanoseconds of the longest gap (the reader sets it to 0), 2 the watcher's rounds, 3 the writer's rounds, 4 where
 * the memory is. It ends when word 5 is set: with status 0, and 1 in word 6, if the memory is as it was written.
 * While word 7 is set the writer waits; word 8 counts the pages that it has written.
 */
#define _GNU_SOURCE
typedef unsigned int u32;
typedef unsigned long u64;
#define SIGNATURE 0x53053053
#define PAGE 4096ul
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
struct thread { struct rseq rseq; u64 number; char rest[4096 - 64]; };
enum { READ = 0, OPEN = 2, MMAP = 9, CLONE = 56, EXIT = 60, SETSCHEDULER = 144, MADVISE = 28, CLOCK = 228, EXIT_GROUP = 231, NANOSLEEP = 230, RSEQ = 334, TRUNCATE = 77 };

static volatile u64 *told;
static u64 bytes, counts[1024];
static char *heap;
/* Two pages that a child does not get as they are: MADV_DONTFORK, MADV_WIPEONFORK. */
static u64 *apart;
enum { DONTFORK = 10, WIPEONFORK = 18 };

static long call6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}
static long call(long number, long a, long b, long c, long d) { return call6(number, a, b, c, d, 0, 0); }

static u64 now(void)
{
	u64 time[2];
	call(CLOCK, 1, (long)time, 0, 0);
	return time[0] * 1000000000 + time[1];
}
static void pause_for(u64 nanoseconds)
{
	u64 time[2] = { 0, nanoseconds };
	call(NANOSLEEP, 1, 0, (long)time, 0);
}

static __attribute__((noinline)) void count(struct rseq *rseq)
{
	__asm__ volatile(
		".pushsection __rseq_cs,\"aw\"\n\t.balign 32\n"
		"count_cs:\t.long 0, 0\n\t.quad count_start, count_end - count_start, count_abort\n\t.popsection\n\t"
		".pushsection __rseq_cs_ptr_array,\"aw\"\n\t.quad count_cs\n\t.popsection\n\t"
		".pushsection __rseq_failure,\"ax\"\n\t.long 0x53053053\n"
		"count_abort:\tjmp count_again\n\t.popsection\n"
		"count_again:\tlea count_cs(%%rip),%%rax\n\t"
		"mov %%rax,8(%0)\n"
		"count_start:\tmov 4(%0),%%eax\n\t"
		"incq (%1,%%rax,8)\n"
		"count_end:\n"
		: : "r"(rseq), "r"(counts) : "rax", "memory", "cc");
}

/* Page `n` in round `round`: its first word. */
static void put(u64 n, u64 round) { *(volatile u64 *)(heap + n * PAGE) = round; }

/* Pages in an order in which nobody reads them; their number is a power of two. */
#define ORDER(k, pages) ((k) * 40503 % (pages))

static void watch(void)
{
	int priority = 10;
	call(SETSCHEDULER, 0, 1, (long)&priority, 0);
	for (u64 last = now(); !told[5]; ) {
		pause_for(100000);
		u64 at = now();
		if (at - last > told[1])
			told[1] = at - last;
		last = at;
		told[2]++;
	}
}

/* What the memory holds from the beginning on, word by word. */
static u64 filled(u64 at, u64 *state)
{
	u64 part = at / PAGE % 16;
	if (part >= 12)
		return 0;
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return part < 4 ? *state : 0x0000700000000000ul + *state % 4096 * 64;
}
#define SEED 88172645463325252ul

/* The first `done` pages in the writer's order have its round, the others the one before; all else is as it was filled. */
static int is_right(u64 pages, u64 done, u64 round)
{
	u64 state = SEED;
	if (apart[0] != DONTFORK || apart[PAGE / 8] != WIPEONFORK)
		return 0;
	for (u64 k = 0; k < pages; k++)
		if (*(u64 *)(heap + ORDER(k, pages) * PAGE) != (k < done ? round : round - 1))
			return 0;
	for (u64 at = 0; at < bytes; at += 8)
		if (filled(at, &state) != *(u64 *)(heap + at) && at % PAGE)
			return 0;
	return 1;
}

static void write_on(void)
{
	u64 pages = bytes / PAGE;
	for (u64 round = 1; ; round++) {
		for (u64 k = 0; k < pages; k++) {
			if (k % 16 == 0) {
				if (told[5]) {
					int right = is_right(pages, k, round);
					told[6] = right ? 1 : 2;
					call(EXIT_GROUP, !right, 0, 0, 0);
				}
				do
					pause_for(1000000);
				while (told[7] && !told[5]);
				told[8] += 16;
			}
			put(ORDER(k, pages), round);
		}
		told[3] = round;
	}
}

static __attribute__((used)) void thread_main(struct thread *self)
{
	if (call(RSEQ, (long)&self->rseq, 32, 0, SIGNATURE))
		call(EXIT_GROUP, 77, 0, 0, 0);
	__sync_fetch_and_add(&told[0], 1);
	if (self->number == 0)
		watch();
	else if (self->number == 1)
		write_on();
	for (;;) {
		count(&self->rseq);
		pause_for(1000000);
	}
}

/* clone(2) with a stack whose end holds the thread's record. */
static void start(struct thread *thread)
{
	long result = CLONE;
	__asm__ volatile(
		"syscall\n\ttest %%rax,%%rax\n\tjnz 1f\n\tmov %%rsp,%%rdi\n\tand $-4096,%%rdi\n\tcall thread_main\n1:"
		: "+a"(result) : "D"(0x00050f00), "S"((char *)thread + sizeof *thread - 64), "d"(0)
		: "rcx", "r11", "r10", "r8", "memory", "cc");
}

static void fill(void)
{
	u64 state = SEED;
	for (u64 at = 0; at < bytes; at += 8) {
		u64 word = filled(at, &state);
		*(u64 *)(heap + at) = at % PAGE ? word : 0;
	}
}

static u64 number(const char *text)
{
	u64 value = 0;
	while (*text)
		value = value * 10 + (u64)(*text++ - '0');
	return value;
}

static __attribute__((used)) void heap_main(u64 *stack)
{
	char **words = (char **)(stack + 1);
	u64 threads = number(words[3]);
	bytes = number(words[2]) << 20;
	/* What we have inherited and do not know; a checkpointer would have to. */
	call(436, 3, ~0u, 0, 0);
	long file = call(OPEN, (long)words[1], 0102, 0600, 0);
	call(TRUNCATE, file, PAGE, 0, 0);
	told = (u64 *)call6(MMAP, 0, PAGE, 3, 1, file, 0);
	heap = (char *)call6(MMAP, 0, bytes, 3, 0x22, -1, 0);
	told[4] = (u64)heap;
	fill();
	apart = (u64 *)call6(MMAP, 0, 2 * PAGE, 3, 0x22, -1, 0);
	apart[0] = DONTFORK;
	apart[PAGE / 8] = WIPEONFORK;
	call(MADVISE, (long)apart, PAGE, DONTFORK, 0);
	call(MADVISE, (long)apart + PAGE, PAGE, WIPEONFORK, 0);
	char *records = (char *)call6(MMAP, 0, threads * sizeof(struct thread), 3, 0x22, -1, 0);
	struct thread *mine = (struct thread *)records;
	mine->number = 99;
	for (u64 n = 1; n < threads; n++) {
		struct thread *other = (struct thread *)(records + n * sizeof(struct thread));
		other->number = n - 1;
		start(other);
	}
	thread_main(mine);
}
__asm__(".globl _start\n_start:\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall heap_main\n");
