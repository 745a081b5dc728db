/*
 * Sections on per-CPU data, each written twice: for x86-64 and for AArch64. What uses them is the same C for both, so that the two can be held against
 * each other. They are this project's own.
 */
#ifndef SECTIONS_H
#define SECTIONS_H

#include <stddef.h>
#include <stdint.h>

struct rseq {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid;
} __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset;

static inline struct rseq *rseq_self(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))
#define rseq_index()		READ_ONCE(rseq_self()->cpu_id_start)

/* The descriptor of a section from label 1 to label 2, with its abort handler at 4. */
#define DESCRIBE								\
	".pushsection __rseq_cs, \"aw\"\n\t"					\
	".balign 32\n\t"							\
	"3: .long 0, 0\n\t"							\
	".quad 1f, 2f - 1f, 4f\n\t"						\
	".popsection\n\t"							\
	".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"				\
	".quad 3b\n\t"								\
	".popsection\n\t"

#if defined(__x86_64__)
#define ARM	DESCRIBE "lea 3b(%%rip), %%rcx\n\t" "mov %%rcx, %[rseq_cs]\n\t"
#define CHECK	"cmp %[cpu], %[check]\n\t" "jne 4f\n\t"
#define ABORT	".byte 0x0f, 0xb9, 0x3d\n\t" ".long 0x53053053\n" "4:\n\t" "jmp %l[abort]\n\t"
#define SCRATCH	"rax", "rcx", "memory", "cc"
#define LOAD(from)		"mov %[" from "], %%rax\n\t"
#define STORE(to)		"mov %%rax, %[" to "]\n\t"
#define STORE_OF(reg, to)	"mov %[" reg "], %[" to "]\n\t"
#define ADD(reg)		"add %[" reg "], %%rax\n\t"
#define NEXT_OF			"mov (%%rax), %%rax\n\t"
#define UNLESS_ZERO		"test %%rax, %%rax\n\t" "jz %l[empty]\n\t"
#define UNLESS_SAME(reg)	"cmp %[" reg "], %%rax\n\t" "jne %l[empty]\n\t"
#define GETTID	186
#define MEMBARRIER 324
#elif defined(__aarch64__)
#define ARM	DESCRIBE "adrp x10, 3b\n\t" "add x10, x10, :lo12:3b\n\t" "str x10, %[rseq_cs]\n\t"
#define CHECK	"ldr w10, %[check]\n\t" "cmp w10, %w[cpu]\n\t" "b.ne 4f\n\t"
#define ABORT	".inst 0xd428bc00\n" "4:\n\t" "b %l[abort]\n\t"
#define SCRATCH	"x9", "x10", "memory", "cc"
#define LOAD(from)		"ldr x9, %[" from "]\n\t"
#define STORE(to)		"str x9, %[" to "]\n\t"
#define STORE_OF(reg, to)	"str %[" reg "], %[" to "]\n\t"
#define ADD(reg)		"add x9, x9, %[" reg "]\n\t"
#define NEXT_OF			"ldr x9, [x9]\n\t"
#define UNLESS_ZERO		"cbz x9, %l[empty]\n\t"
#define UNLESS_SAME(reg)	"cmp x9, %[" reg "]\n\t" "b.ne %l[empty]\n\t"
#define GETTID	178
#define MEMBARRIER 283
#endif

#define START	"1:\n\t"
#define END	"2:\n\t" ".pushsection __rseq_failure, \"ax\"\n\t" ABORT ".popsection"
/* `m` with a register alone, which every load and store there takes. */
#define MEMORY(x)	"Q"(x)
#if defined(__x86_64__)
#undef MEMORY
#define MEMORY(x)	"m"(x)
#endif
#define INPUTS(cpu_)	[rseq_cs] MEMORY(rseq_self()->rseq_cs), [check] MEMORY(rseq_self()->cpu_id), [cpu] "r"(cpu_)

static inline long plain_call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory", "cc");
	return x0;
#endif
}

/* Adds to the counter of this CPU. With LATE the section begins behind the load. */
static inline __attribute__((always_inline)) void percpu_add(long *counters, long count)
{
again:;
	uint32_t cpu = rseq_index();

	asm goto(ARM
#ifdef LATE
		 LOAD("counter")
#endif
		 START CHECK
#ifndef LATE
		 LOAD("counter")
#endif
		 ADD("count") STORE("counter") END
		 : : INPUTS(cpu), [counter] MEMORY(counters[cpu]), [count] "r"(count) : SCRATCH : abort);
	return;
abort:
	goto again;
}

struct node {
	struct node *next;
};

/* With WIDE the head that is compared is one that was read in front of the section, and next with it. */
static inline __attribute__((always_inline)) struct node *percpu_pop(struct node **lists)
{
	struct node *head, *next;
again:;
	uint32_t cpu = rseq_index();

	head = READ_ONCE(lists[cpu]);
	if (!head)
		return 0;
	next = READ_ONCE(head->next);
	asm goto(ARM START CHECK LOAD("list") UNLESS_SAME("head")
#ifdef WIDE
		 STORE_OF("next", "list")
#else
		 NEXT_OF STORE("list")
#endif
		 END
		 : : INPUTS(cpu), [list] MEMORY(lists[cpu]), [head] "r"(head), [next] "r"(next) : SCRATCH : abort, empty);
	return head;
empty:
abort:
	goto again;
}

static inline __attribute__((always_inline)) void percpu_push(struct node **lists, struct node *node)
{
	struct node *head;
again:;
	uint32_t cpu = rseq_index();

	head = READ_ONCE(lists[cpu]);
	WRITE_ONCE(node->next, head);
	asm goto(ARM START CHECK LOAD("list") UNLESS_SAME("head") STORE_OF("node", "list") END
		 : : INPUTS(cpu), [list] MEMORY(lists[cpu]), [head] "r"(head), [node] "r"(node) : SCRATCH : abort, empty);
	return;
empty:
abort:
	goto again;
}

/* A value into the buffer of this CPU, and then the count: two stores, of which the last one commits. */
static inline __attribute__((always_inline)) void percpu_append(long **ends, long value)
{
	long *end;
	long *behind;
again:;
	uint32_t cpu = rseq_index();

	end = READ_ONCE(ends[cpu]);
	behind = end + 1;
	asm goto(ARM START CHECK LOAD("where") UNLESS_SAME("end") STORE_OF("value", "at") STORE_OF("behind", "where") END
		 : : INPUTS(cpu), [where] MEMORY(ends[cpu]), [end] "r"(end), [at] MEMORY(*end), [value] "r"(value),
		   [behind] "r"(behind) : SCRATCH : abort, empty);
	return;
empty:
abort:
	goto again;
}

#endif
