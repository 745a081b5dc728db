# arch: x86-64
# expect: arming-gap error @marker
# what: on another CPU the section is left, the number read again, and start_ip entered without the store

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     .Lagain
        incq    (%rsi,%r9,8)
.Lpost_commit:
        ret
.Lagain:
        mov     4(%rdi), %r9d
        jmp     .Lstart                  # <-- arming-gap: to start_ip, not to the store in front of it
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
        .pushsection __rseq_exit_point_array, "aw"
        .quad   .Lstart, increment_abort
        .popsection
        .pushsection __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lagain
        .popsection
