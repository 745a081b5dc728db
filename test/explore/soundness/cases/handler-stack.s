# The handler finds a word of the task's own stack, by an address that the task has given away.
.include "scenario.inc"
	TASKS a, 2
	SIGNAL a, 10, h
a:	push	$0
	mov	%rsp,%fs:256
	mov	data+16(%rip),%rcx
	movq	$1,(%rsp)
	movq	$5,(%rsp)
	movq	$0,(%rsp)
	mov	data+16(%rip),%rcx
	pop	%rcx
	ret
h:	mov	%fs:256,%rcx
	test	%rcx,%rcx
	jz	1f
	mov	(%rcx),%rax
	mov	%rax,data(%rip)
1:	ret
