# A task registers a struct rseq of its own, in shared memory: the section there protects it.
.include "scenario.inc"
	TASKS a
	TASKS b
a:	mov	%fs:0,%rdi
	add	$64,%rdi
	mov	$32,%esi
	mov	$1,%edx
	mov	$0x53053053,%r10d
	CALL	334
	lea	area(%rip),%rdi
	mov	$32,%esi
	xor	%edx,%edx
	mov	$0x53053053,%r10d
	CALL	334
	lea	cs(%rip),%rax
	mov	%rax,area+8(%rip)
start:	mov	data(%rip),%rax
	nop
end:	movq	$0,area+8(%rip)
	mov	%rax,data+8(%rip)
	ret
	ABORT	abort
	mov	$3,%edi
	RESULT
	ret
b:	incq	data(%rip)
	ret
	.section .rodata
	DESCRIPTOR cs, start, end, abort
	.data
	.balign 32
area:	.quad 0,0,0,0
