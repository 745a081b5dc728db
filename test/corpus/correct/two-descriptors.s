# arch: x86-64
# may: no-cpu-check warning @*
# what: two functions arm the same section, each by a descriptor of its own, and share the store

        .text
        .globl  increment
        .type   increment, @function
increment:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r10
        jmp     .Larm
        .size   increment, .-increment
        .text
        .globl  g2
        .type   g2, @function
g2:
        mov     (%rdi), %r9d
        lea     cs2(%rip), %r10
.Larm:
        mov     %r10, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     increment
        .size   g2, .-g2
        .pushsection __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0
        .quad   .Lstart, .Lpost_commit-.Lstart, increment_abort
        .popsection
        .pushsection __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
        .popsection
        .pushsection __rseq_cs, "aw"
        .balign 32
cs2:
        .long   0, 0
        .quad   .Lstart, .Lpost_commit-.Lstart, increment_abort
        .popsection
        .pushsection __rseq_cs_ptr_array, "aw"
        .quad   cs2
        .popsection
