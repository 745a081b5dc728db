# What rdtsc says is never the same.
.include "scenario.inc"
	TASKS a
a:	rdtsc
	mov	%eax,data(%rip)
	ret
