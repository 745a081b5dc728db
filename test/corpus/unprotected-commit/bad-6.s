# arch: x86-64
# expect: unprotected-commit error @marker
# what: the old value is read in front of the section: what others add before the section begins is overwritten

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        mov     (%rsi,%r9,8), %rax
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        inc     %rax
        mov     %rax, (%rsi,%r9,8)       # <-- unprotected-commit: slots[cpu] = old + 1
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
