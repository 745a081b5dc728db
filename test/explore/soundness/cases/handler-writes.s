# The handler writes a word of the task's own, which the task has read or not.
.include "scenario.inc"
	TASKS a
	SIGNAL a, 10, h
a:	mov	data+16(%rip),%rcx
	mov	%fs:256,%rdi
	movq	$1,data+8(%rip)
	RESULT
	mov	data+24(%rip),%rdi
	RESULT
	ret
h:	movq	$7,%fs:256
	mov	data+8(%rip),%rax
	mov	%rax,data+24(%rip)
	ret
