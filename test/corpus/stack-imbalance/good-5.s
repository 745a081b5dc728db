# arch: x86-64
# what: the same by leave

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %rbp
        mov     %rsp, %rbp
        push    %rbx
        and     $-32, %rsp
        sub     $64, %rsp
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        mov     -8(%rbp), %rbx
        leave
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        mov     -8(%rbp), %rbx
        leave
        mov     $-1, %eax
        ret                              # <-- stack-imbalance: returns to the saved frame pointer
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
