/* What all sections of these examples share: struct rseq, where it is, and the frame around a section in AArch64's inline assembly. */
#ifndef PERCPU_H
#define PERCPU_H

#include <stddef.h>
#include <stdint.h>

struct rseq {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, node_id, mm_cid;
} __attribute__((aligned(32)));

extern const ptrdiff_t __rseq_offset;	/* of glibc; rseqlab has it too */

static inline struct rseq *rseq_self(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))

/* The number that per-CPU data is indexed by; inside the section cpu_id says whether it still holds. */
#define rseq_index()		READ_ONCE(rseq_self()->cpu_id_start)

/*
 * An instruction of a section. With -DLINES (and -g, gcc) it has a source line of its own, where the compiler knows only that of the whole asm
 * statement: for sections that stand in the .c file, which is the first file of its line table.
 */
#define I(instruction)	LINE__ instruction "\n\t"
#ifdef LINES
#define LINE__		".loc 1 " TEXT__(__LINE__) "\n\t"
#define TEXT__(line)	TEXT_OF__(line)
#define TEXT_OF__(line)	#line
#else
#define LINE__
#endif

/* Describes a section from label 1 to label 2 with the abort handler at 4, and stores that to rseq_cs. Uses x10. */
#define RSEQ_ARM									\
	".pushsection __rseq_cs, \"aw\"\n\t"						\
	".balign 32\n\t"								\
	"3: .long 0, 0\n\t"		/* version, flags */				\
	".quad 1f, 2f - 1f, 4f\n\t"	/* start_ip, post_commit_offset, abort_ip */	\
	".popsection\n\t"								\
	".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"					\
	".quad 3b\n\t"									\
	".popsection\n\t"								\
	I("adrp x10, 3b")								\
	I("add x10, x10, :lo12:3b")							\
	I("str x10, %[rseq_cs]")
/* The first instruction of the section follows. */
#define RSEQ_START	"1:\n\t"
/* Goes to the abort handler if the thread is elsewhere by now. */
#define RSEQ_CHECK	I("ldr w10, %[check]") I("cmp w10, %w[cpu]") I("b.ne 4f")
/* Behind the commit, the section's last instruction. The signature, brk #0x45e0, stands in front of the abort handler. */
#define RSEQ_END									\
	"2:\n\t"									\
	".pushsection __rseq_failure, \"ax\"\n\t"					\
	".inst 0xd428bc00\n"								\
	"4:\n\t"									\
	I("b %l[abort]")								\
	".popsection"
/* Inputs of every section here, each in a register by itself; `cpu` is the number that it was begun with. */
#define RSEQ_INPUTS(cpu_)								\
	[rseq_cs] "Q"(rseq_self()->rseq_cs), [check] "Q"(rseq_self()->cpu_id), [cpu] "r"(cpu_)

#endif
