# The handler stores a register of what it has interrupted, where nobody reads it.
.include "scenario.inc"
	TASKS a
	SIGNAL a, 10, h
a:	mov	data+16(%rip),%rcx
	mov	$1,%r9d
	mov	$5,%r9d
	xor	%r9d,%r9d
	mov	data+16(%rip),%rcx
	ret
h:	mov	%r9,data(%rip)
	ret
