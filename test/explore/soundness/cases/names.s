# Two tasks of one function, which ask who they are, and where.
.include "scenario.inc"
	TASKS a, 2
a:	CALL	186
	RESULT	rax
	lea	-8(%rsp),%rdi
	RESULT
	ret
