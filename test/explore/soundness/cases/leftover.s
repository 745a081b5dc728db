# A task makes room on its stack and reads what was left there.
.include "scenario.inc"
	TASKS a, 2
a:	sub	$512,%rsp
	movq	$7,8(%rsp)
	add	$512,%rsp
	mov	data(%rip),%rax
	sub	$512,%rsp
	mov	8(%rsp),%rdi
	add	$512,%rsp
	RESULT
	ret
