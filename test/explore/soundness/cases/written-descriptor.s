# The descriptor is shared, and a task changes where the section ends.
.include "scenario.inc"
	SETUP	setup
	TASKS a
	TASKS b
setup:
	movq	$0,cs(%rip)
	lea	start(%rip),%rax
	mov	%rax,cs+8(%rip)
	movq	$(end - start),cs+16(%rip)
	lea	abort(%rip),%rax
	mov	%rax,cs+24(%rip)
	ret
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
b:	movq	$0,cs+16(%rip)
	incq	data(%rip)
	ret
	.equ	cs, data+32
