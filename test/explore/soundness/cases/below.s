# A task keeps something far below its stack pointer, where no signal comes.
.include "scenario.inc"
	TASKS a, 2
a:	mov	data+16(%rip),%rcx
	mov	%rcx,-512(%rsp)
	mov	data(%rip),%rax
	mov	-512(%rsp),%rdi
	RESULT
	ret
