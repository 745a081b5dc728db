# arch: x86-64
# what: a thread-local sum that each attempt sets to 0 before it adds to it

        .section .tbss, "awT", @nobits
acc:
        .zero   8
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
        jne     increment_abort
        movq    $0, %fs:acc@tpoff
        xor     %ecx, %ecx
2:
        mov     (%rdx,%rcx,8), %rax
        add     %rax, %fs:acc@tpoff
        inc     %ecx
        cmp     $8, %ecx
        jne     2b
        mov     %fs:acc@tpoff, %rax
        mov     %rax, (%rsi,%r9,8)
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
