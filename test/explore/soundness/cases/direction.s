# Flags are dead in front of add, which writes them all, but not DF: the copy goes down.
.include "scenario.inc"
	TASKS a
a:	lea	data+8(%rip),%rsi
	lea	data+40(%rip),%rdi
	mov	$2,%ecx
	std
	add	$0,%rax
	rep movsq
	cld
	ret
