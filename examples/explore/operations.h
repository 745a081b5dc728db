/*
 * The operations of which per-CPU data structures are made, after the names that librseq gives them (in brackets: the older names). Each is one
 * restartable sequence; it returns 0 when it has committed, 1 when the value was not the expected one, and -1 when it was aborted or
 * `cpu` is no longer where the thread runs: read the number again, and try again.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "percpu.h"

#define CLOBBERS "rax", "rcx", "rdx", "memory", "cc"

/* If *v is `expect`, then *v = value. [cmpeqv_storev] */
ALWAYS_INLINE int load_cbne_store(intptr_t *v, intptr_t expect, intptr_t value, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "cmp %[v], %[expect]\n\t"
		 "jne %l[differs]\n\t"
		 "mov %[value], %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [expect] "r"(expect), [value] "r"(value) : CLOBBERS : abort, differs);
	return 0;
abort:
	return -1;
differs:
	return 1;
}

/* *v += count. [addv] */
ALWAYS_INLINE int load_add_store(intptr_t *v, intptr_t count, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "add %[count], %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [count] "r"(count) : CLOBBERS : abort);
	return 0;
abort:
	return -1;
}

/* If *v is not `end`: *load = *v, and *v = what stands `offset` bytes behind where *v points to. [cmpnev_storeoffp_load] */
ALWAYS_INLINE int load_cbeq_store_add_load_store(intptr_t *v, intptr_t end, long offset, intptr_t *load, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "mov %[v], %%rax\n\t"
		 "cmp %%rax, %[end]\n\t"
		 "je %l[differs]\n\t"
		 "mov %%rax, %[load]\n\t"
		 "add %[offset], %%rax\n\t"
		 "mov (%%rax), %%rax\n\t"
		 "mov %%rax, %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [end] "r"(end), [offset] "er"(offset), [load] "m"(*load) : CLOBBERS : abort, differs);
	return 0;
abort:
	return -1;
differs:
	return 1;
}

/* **(p + offset) += count. [offset_deref_addv] */
ALWAYS_INLINE int load_add_load_load_add_store(intptr_t **p, long offset, intptr_t count, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "mov %[p], %%rax\n\t"
		 "add %[offset], %%rax\n\t"
		 "mov (%%rax), %%rdx\n\t"
		 "add %[count], (%%rdx)\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [p] "r"(p), [offset] "er"(offset), [count] "r"(count) : CLOBBERS : abort);
	return 0;
abort:
	return -1;
}

/* If *v is `expect`: *also = thing, which nobody looks at yet; then *v = value. [cmpeqv_trystorev_storev] */
ALWAYS_INLINE int load_cbne_store_store(intptr_t *v, intptr_t expect, intptr_t *also, intptr_t thing, intptr_t value, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "cmp %[v], %[expect]\n\t"
		 "jne %l[differs]\n\t"
		 "mov %[thing], %[also]\n\t"
		 "mov %[value], %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [expect] "r"(expect), [also] "m"(*also), [thing] "r"(thing), [value] "r"(value)
		 : CLOBBERS : abort, differs);
	return 0;
abort:
	return -1;
differs:
	return 1;
}

/* If *v is `expect` and *w is `other`, then *v = value. [cmpeqv_cmpeqv_storev] */
ALWAYS_INLINE int load_cbne_load_cbne_store(intptr_t *v, intptr_t expect, intptr_t *w, intptr_t other, intptr_t value, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "cmp %[v], %[expect]\n\t"
		 "jne %l[differs]\n\t"
		 "cmp %[w], %[other]\n\t"
		 "jne %l[differs]\n\t"
		 "mov %[value], %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [expect] "r"(expect), [w] "m"(*w), [other] "r"(other), [value] "r"(value)
		 : CLOBBERS : abort, differs);
	return 0;
abort:
	return -1;
differs:
	return 1;
}

/* If *v is `expect`: copies `size` bytes (a multiple of 8), at which nobody looks yet; then *v = value. [cmpeqv_trymemcpy_storev] */
ALWAYS_INLINE int load_cbne_memcpy_store(intptr_t *v, intptr_t expect, void *to, const void *from, size_t size, intptr_t value, uint32_t cpu)
{
	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
		 "cmp %[v], %[expect]\n\t"
		 "jne %l[differs]\n\t"
		 "xor %%ecx, %%ecx\n"
		 "5:\n\t"
		 "mov (%[from],%%rcx), %%rdx\n\t"
		 "mov %%rdx, (%[to],%%rcx)\n\t"
		 "add $8, %%rcx\n\t"
		 "cmp %[size], %%rcx\n\t"
		 "jb 5b\n\t"
		 "mov %[value], %[v]\n"
		 RSEQ_END
		 : : RSEQ_INPUTS(cpu), [v] "m"(*v), [expect] "r"(expect), [to] "r"(to), [from] "r"(from), [size] "er"(size),
		     [value] "r"(value)
		 : CLOBBERS : abort, differs);
	return 0;
abort:
	return -1;
differs:
	return 1;
}

#endif
