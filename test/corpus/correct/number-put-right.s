# arch: x86-64
# what: a number from before the section, put right inside by the one read there where they differ

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        mov     4(%rdi), %ecx
        cmp     %ecx, %r9d
        je      2f
        mov     %ecx, %r9d
2:
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
