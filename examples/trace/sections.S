/* Two restartable sequences. Their lines are what rseqlab trace shows. */

/* A descriptor, its entry in the list that debuggers read, and the abort handler, with the signature in front of it. */
.macro section name
	.pushsection __rseq_cs, "aw"
	.balign 32
\name\()_cs:
	.long 0, 0
	.quad \name\()_start, \name\()_end - \name\()_start, \name\()_abort
	.popsection
	.pushsection __rseq_cs_ptr_array, "aw"
	.quad \name\()_cs
	.popsection
	.pushsection __rseq_exit_point_array, "aw"
	.quad \name\()_start, \name\()
	.popsection
	.pushsection __rseq_failure, "ax"
	.long 0x53053053
\name\()_abort:
	jmp \name
	.popsection
.endm

.text

/* void count(struct rseq *, u64 *counters): adds 1 to the counter of this CPU. */
.globl count
.type count, @function
count:
	mov (%rdi), %eax		/* cpu_id_start */
	lea count_cs(%rip), %rcx
	mov %rcx, 8(%rdi)		/* rseq_cs: the section is armed */
	section count
count_start:
	cmp %eax, 4(%rdi)		/* still on that CPU? */
	jne count
	mov (%rsi,%rax,8), %rcx
	inc %rcx
	mov %rcx, (%rsi,%rax,8)		/* the commit */
count_end:
	ret
.size count, .-count

/* void add_up(struct rseq *, u64 *sums, const u64 *words): adds 64 words up, again and again, and stores the sum for this CPU. */
.globl add_up
.type add_up, @function
add_up:
	mov (%rdi), %eax
	lea add_up_cs(%rip), %rcx
	mov %rcx, 8(%rdi)
	section add_up
add_up_start:
	cmp %eax, 4(%rdi)
	jne add_up
	xor %r8d, %r8d
	mov $4096, %r9d
1:	mov %r9d, %ecx
	and $63, %ecx
	add (%rdx,%rcx,8), %r8
	dec %r9d
	jnz 1b
	mov %r8, (%rsi,%rax,8)		/* the commit */
add_up_end:
	ret
.size add_up, .-add_up

.section .note.GNU-stack, "", @progbits
