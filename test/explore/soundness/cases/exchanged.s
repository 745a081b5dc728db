# Undisturbed a gives 0 and b gives 1. Disturbed a gives 1 and b gives 0: not the same, for they are two functions.
.include "scenario.inc"
	TASKS a
	TASKS b
a:	movq	$1,data+24(%rip)
	mov	data+32(%rip),%rax
	mov	data+32(%rip),%rdi
	movq	$0,data+24(%rip)
	xor	%rax,%rdi
	RESULT
	ret
b:	movq	$1,data+32(%rip)
	mov	$1,%edi
	sub	data+24(%rip),%rdi
	RESULT
	ret
