# arch: x86-64
# what: the same loop with the store in each round

        .text
        .globl  increment
        .type   increment, @function
increment:
        mov     %rdx, %r8
1:
        lea     increment_cs(%rip), %rax
        mov     %rax, 8(%rdi)
.Lstart:
        mov     4(%rdi), %ecx
        incq    (%rsi,%rcx,8)
.Lpost_commit:
        dec     %r8
        jnz     1b
        ret
        .pushsection __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        mov     $-1, %eax
        ret
        .popsection
        .size   increment, .-increment
        .pushsection __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0
        .quad   .Lstart, .Lpost_commit-.Lstart, increment_abort
        .popsection
        .pushsection __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
        .popsection
