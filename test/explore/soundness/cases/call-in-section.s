# A system call in the middle of a section.
.include "scenario.inc"
	TASKS a, 2
a:	lea	cs(%rip),%rax
	mov	%rax,%fs:CS
start:	mov	data(%rip),%rbx
	CALL	24
	inc	%rbx
	mov	%rbx,data(%rip)
end:	ret
	ABORT	abort
	mov	$3,%edi
	RESULT
	ret
	.section .rodata
	DESCRIPTOR cs, start, end, abort
