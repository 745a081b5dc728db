# The handler makes the task go on elsewhere: registers that nobody would have read are read.
.include "scenario.inc"
	TASKS a
	SIGNAL a, 10, h
a:	mov	$7,%r9d
	mov	data+16(%rip),%rcx
	mov	data+16(%rip),%rcx
	xor	%r9d,%r9d
there:	mov	%r9,%rdi
	RESULT
	ret
h:	lea	there(%rip),%rax
	cmp	%rax,168(%rdx)
	jae	1f
	mov	%rax,168(%rdx)
1:	ret
