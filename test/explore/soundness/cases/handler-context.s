# The same by the context that the kernel gives it (r9 of struct sigcontext).
.include "scenario.inc"
	TASKS a
	SIGNAL a, 10, h
a:	mov	data+16(%rip),%rcx
	mov	$1,%r9d
	mov	$5,%r9d
	xor	%r9d,%r9d
	mov	data+16(%rip),%rcx
	ret
h:	mov	48(%rdx),%rax
	mov	%rax,data(%rip)
	ret
