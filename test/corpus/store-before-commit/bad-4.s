# arch: x86-64
# expect: store-before-commit error @marker
# what: a count of the thread itself goes up in front of the commit: nobody else sees it, but each abort counts once more

        .section .tbss, "awT", @nobits
ops:
        .zero   8
        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r11
        mov     %r11, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        incq    %fs:ops@tpoff            # <-- store-before-commit: the threads count of operations
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
