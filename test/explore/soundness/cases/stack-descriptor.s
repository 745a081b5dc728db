# The section is stated on the task's own stack.
.include "scenario.inc"
	FENCES
	TASKS a, 2
	TASKS b
a:	sub	$64,%rsp
	lea	16(%rsp),%rdx
	and	$-32,%rdx
	movq	$0,(%rdx)
	lea	start(%rip),%rax
	mov	%rax,8(%rdx)
	movq	$(end - start),16(%rdx)
	lea	abort(%rip),%rax
	mov	%rax,24(%rdx)
	xor	%edi,%edi
	mov	%rdx,%fs:CS
start:	mov	data(%rip),%rax
	inc	%rax
	mov	%rax,data(%rip)
end:	movq	$0,%fs:CS
	add	$64,%rsp
	ret
	ABORT	abort
	mov	$3,%edi
	RESULT
	add	$64,%rsp
	ret
b:	FENCE
	ret
