# SA_RESETHAND: the second fault finds no handler.
.include "scenario.inc"
	SETUP	setup
	TASKS a
	TASKS b
setup:	mov	$4,%edi
	lea	action(%rip),%rsi
	xor	%edx,%edx
	mov	$8,%r10d
	CALL	13
	ret
a:
b:	ud2
	ret
h:	addq	$2,168(%rdx)
	ret
back:	mov	$15,%eax
	syscall
	.section .data
action:	.quad h, 0x84000000, back, 0
