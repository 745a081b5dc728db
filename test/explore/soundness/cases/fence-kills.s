# membarrier(2) makes the kernel look at a section whose signature is wrong.
.include "scenario.inc"
	FENCES
	TASKS a
	TASKS b
a:	lea	cs(%rip),%rax
	mov	%rax,%fs:CS
start:	mov	data(%rip),%rax
	mov	%rax,data+8(%rip)
end:	movq	$0,%fs:CS
	ret
	ABORT	abort, 1
	ret
b:	FENCE
	ret
	.section .rodata
	DESCRIPTOR cs, start, end, abort
