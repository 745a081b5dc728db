# arch: x86-64
# expect: not-armed warning @increment_cs
# what: the descriptor goes to rseq_cs by way of a vector register, where it is not followed: a warning

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r11
        movq    %r11, %xmm1
        movq    %xmm1, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     1b
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
