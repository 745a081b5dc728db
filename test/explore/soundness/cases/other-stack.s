# A task reads the stack of another.
.include "scenario.inc"
	TASKS a
	TASKS b
a:	push	$7
	mov	%rsp,data+24(%rip)
	mov	data+32(%rip),%rax
	pop	%rcx
	ret
b:	mov	data+24(%rip),%rcx
	test	%rcx,%rcx
	jz	1f
	mov	(%rcx),%rdi
	mov	%rdi,data+32(%rip)
1:	ret
