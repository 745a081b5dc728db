# arch: x86-64
# expect: stack-imbalance error @marker
# what: the same with a frame made by sub

        .text
        .globl  increment
        .type   increment, @function
increment:
        sub     $24, %rsp
1:
        mov     (%rdi), %r9d
        lea     increment_cs(%rip), %r11
        mov     %r11, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        mov     (%rsi,%r9,8), %rax
        add     %rdx, %rax
        mov     %rax, (%rsi,%r9,8)
.Lpost_commit:
        add     $24, %rsp
        xor     %eax, %eax
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        mov     $-1, %eax
        ret                              # <-- stack-imbalance: returns to what was pushed
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
