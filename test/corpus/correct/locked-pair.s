# arch: x86-64
# what: commits sixteen bytes by lock cmpxchg16b: one piece, as locked operations are

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %r9d
        push    %rbx
        lea     increment_cs(%rip), %r11
        mov     %r11, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        shl     $4, %r9
        mov     (%rsi,%r9), %rax
        mov     8(%rsi,%r9), %rdx
        lea     1(%rax), %rbx
        lea     1(%rdx), %rcx
        lock
        cmpxchg16b (%rsi,%r9)
.Lpost_commit:
        pop     %rbx
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        pop     %rbx
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
