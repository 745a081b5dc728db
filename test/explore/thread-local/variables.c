/*
 * Thread-local variables of an object: initialised and zero, of larger alignment, found directly (local-exec) and by the GOT (initial-exec); a
 * pointer in one to another's address is the thread's own; a weak function that nobody defines is 0; and a struct rseq of the program's own among them, as TCMalloc has it.
 */
#include <rseqlab.h>
#include <stdint.h>

static __thread long counted = 40;
static __thread struct { char bytes[3]; } odd = { "ab" };
static __thread long zero, *own;
__thread long aligned[2] __attribute__((aligned(256), tls_model("initial-exec"))) = { 7, 8 };
static const char *const text = "constant";
static __thread const char *words = "relocated";
static long shared, sum;
extern long nobody(void) __attribute__((weak));

struct rseq {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid, unused;
} __attribute__((aligned(32)));
static __thread struct rseq mine = { .cpu_id = (uint32_t)-1 };
extern const long __rseq_offset;
extern const unsigned int __rseq_size;

static __attribute__((noinline)) long step(void)
{
	own = &zero;
	*own += 2;
	return counted += zero;
}

static void look(void)
{
	rseqlab_assert(counted == 40 && zero == 0 && own == 0);
	rseqlab_assert(odd.bytes[0] == 'a' && odd.bytes[1] == 'b' && odd.bytes[2] == 0);
	rseqlab_assert(aligned[0] == 7 && aligned[1] == 8 && (uintptr_t)aligned % 256 == 0);
	rseqlab_assert(words[0] == 'r' && text[0] == 'c' && nobody == 0);
	rseqlab_assert(step() == 42 && step() == 46);
	aligned[0] = 0;
}

RSEQLAB_SCENARIO(own, "each thread has its own, as the file has them")
RSEQLAB_SETUP(own) { look(); shared = 0; }
RSEQLAB_TASKS(own, looker, 2) { look(); __atomic_fetch_add(&shared, counted, __ATOMIC_RELAXED); }
RSEQLAB_SIGNAL(own, looker, 10) { rseqlab_assert(counted == 40 || counted == 42 || counted == 46); }
RSEQLAB_FINALLY(own) { rseqlab_assert(shared == 92 && counted == 46); }

/* The mistake: a counter that is thought to be shared. */
RSEQLAB_SCENARIO(lost, "a thread-local counter counts for all")
RSEQLAB_TASKS(lost, counter, 2) { step(); sum = counted; }
RSEQLAB_FINALLY(lost) { rseqlab_assert(sum == 44); }

static long call(long number, long a, long b, long c, long d)
{
	register long result __asm__("rax") = number, r10 __asm__("r10") = d;

	__asm__ volatile("syscall" : "+r"(result) : "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

static void registered(void)
{
	long there = (long)__builtin_thread_pointer() + __rseq_offset;

	rseqlab_assert(call(334, there, __rseq_size < 32 ? 32 : __rseq_size, 1, 0x53053053) == 0);
	rseqlab_assert(call(334, (long)&mine, sizeof(mine), 0, 0x53053053) == 0);
	rseqlab_assert(*(volatile uint32_t *)&mine.cpu_id < RSEQLAB_MAX_CPUS);
}

RSEQLAB_SCENARIO(registers, "a struct rseq in thread-local memory is one")
RSEQLAB_TASKS(registers, thread, 2) { registered(); }
