/* Restartable sections for x86-64 and AArch64 in assembly: each tries once and says how it ended. */
#pragma once
#include <linux/rseq.h>
#include <stddef.h>


enum ending {
	COMMITTED,
	ABORTED,  /* the kernel interrupted it */
	MOVED,    /* on another CPU by now */
	DIFFERENT /* the value compared is another one */
};

#ifdef __aarch64__
#define SIGNATURE 0xd428bc00
#define HANDLER ".inst 0xd428bc00\n4:\tb %l[aborted]\n\t"
#define ARM "adrp x8, 3b\n\tadd x8, x8, :lo12:3b\n\tstr x8, [%[rseq], %c[cs]]\n1:\t"
#define SAME_CPU "ldr w8, [%[rseq], %c[cpu_id]]\n\tcmp w8, %w[cpu]\n\tb.ne %l[moved]\n\t"
#define ADD "ldr x8, %[counter]\n\tadd x8, x8, %[count]\n\tstr x8, %[counter]\n2:"
#define EXCHANGE "ldr x8, %[place]\n\tcmp x8, %[expected]\n\tb.ne %l[different]\n\tstr %[value], %[place]\n2:"
#define TAKE "ldr x8, %[head]\n\tcbz x8, %l[different]\n\tstr x8, %[taken]\n\tldr x8, [x8]\n\tstr x8, %[head]\n2:"
#define PLACE "Q"
#define CLOBBERED "x8"
#else
#define SIGNATURE 0x53053053
#define HANDLER ".byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\tjmp %l[aborted]\n\t"
#define ARM "leaq 3b(%%rip), %%rax\n\tmovq %%rax, %c[cs](%[rseq])\n1:\t"
#define SAME_CPU "cmpl %[cpu], %c[cpu_id](%[rseq])\n\tjnz %l[moved]\n\t"
#define ADD "addq %[count], %[counter]\n2:"
#define EXCHANGE "cmpq %[expected], %[place]\n\tjnz %l[different]\n\tmovq %[value], %[place]\n2:"
#define TAKE "movq %[head], %%rcx\n\ttestq %%rcx, %%rcx\n\tjz %l[different]\n\t" \
	"movq %%rcx, %[taken]\n\tmovq (%%rcx), %%rcx\n\tmovq %%rcx, %[head]\n2:"
#define PLACE "m"
#define CLOBBERED "rax", "rcx"
#endif

/* The descriptor, its place in the list of all, and the handler: the signature, then a jump to the C label. The name of the section is its
 * number in the object file. */
#define DESCRIPTOR \
	".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n\t" \
	"3:\n\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t.popsection\n\t" \
	".pushsection __rseq_cs_ptr_array, \"aw\"\n\t.quad 3b\n\t.popsection\n\t" \
	".pushsection __rseq_failure, \"ax\"\n\t" HANDLER ".popsection\n\t"
#define COMMON \
	[rseq] "r"(rseq), [cpu] "r"(cpu), [cs] "i"(offsetof(struct rseq, rseq_cs)), [cpu_id] "i"(offsetof(struct rseq, cpu_id))
#define ENDINGS \
	aborted:return ABORTED; \
	moved:return MOVED; \
	different:return DIFFERENT

/* *counter += count */
static inline enum ending add(struct rseq *rseq, int cpu, long *counter, long count)
{
	__asm__ goto(DESCRIPTOR ARM SAME_CPU ADD
		     :
		     : COMMON, [counter] PLACE(*counter), [count] "r"(count)
		     : CLOBBERED, "memory", "cc"
		     : aborted, moved);
	return COMMITTED;
aborted:
	return ABORTED;
moved:
	return MOVED;
}

/* *place = value, if it is expected */
static inline enum ending exchange(struct rseq *rseq, int cpu, long *place, long expected, long value)
{
	__asm__ goto(DESCRIPTOR ARM SAME_CPU EXCHANGE
		     :
		     : COMMON, [place] PLACE(*place), [expected] "r"(expected), [value] "r"(value)
		     : CLOBBERED, "memory", "cc"
		     : aborted, moved, different);
	return COMMITTED;
	ENDINGS;
}

/* The first of a list, whose first word is the next, is taken and stored to *taken, which is nobody else's. */
static inline enum ending take(struct rseq *rseq, int cpu, void **head, void **taken)
{
	__asm__ goto(DESCRIPTOR ARM SAME_CPU TAKE
		     :
		     : COMMON, [head] PLACE(*head), [taken] PLACE(*taken)
		     : CLOBBERED, "memory", "cc"
		     : aborted, moved, different);
	return COMMITTED;
	ENDINGS;
}
