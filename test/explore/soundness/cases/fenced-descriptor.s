# The same, and membarrier(2) makes the kernel look at it.
.include "scenario.inc"
	SETUP	setup
setup:
	movq	$0,cs(%rip)
	lea	start(%rip),%rax
	mov	%rax,cs+8(%rip)
	movq	$(end - start),cs+16(%rip)
	lea	abort(%rip),%rax
	mov	%rax,cs+24(%rip)
	mov	$1 << 8,%edi
	xor	%esi,%esi
	CALL	324
	ret
	TASKS a
	TASKS b
a:	lea	cs(%rip),%rax
	mov	%rax,%fs:CS
start:	mov	data(%rip),%rax
	inc	%rax
	mov	%rax,data(%rip)
end:	movq	$0,%fs:CS
	ret
	ABORT	abort
	mov	$3,%edi
	RESULT
	ret
b:	FENCE
	movq	$0,cs+16(%rip)
	incq	data(%rip)
	ret
	.equ	cs, data+32
