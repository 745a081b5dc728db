# arch: x86-64
# what: a variable on the stack that each attempt writes before it could be read

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %rbp
        mov     %rsp, %rbp
        sub     $64, %rsp
        mov     %rdi, -8(%rbp)
        mov     %rsi, -16(%rbp)
        mov     %rdx, -24(%rbp)
1:
        mov     -8(%rbp), %rax
        mov     (%rax), %eax
        mov     %eax, -28(%rbp)
        mov     -8(%rbp), %rdx
        mov     -28(%rbp), %ecx
        lea     increment_cs(%rip), %rax
        mov     %rax, 8(%rdx)
.Lstart:
        cmp     %ecx, 4(%rdx)
        jne     increment_abort
        mov     %rax, -40(%rbp)
        mov     -16(%rbp), %rax
        mov     (%rax,%rcx,8), %rdx
        add     -24(%rbp), %rdx
        mov     %rdx, (%rax,%rcx,8)
.Lpost_commit:
        xor     %eax, %eax
        leave
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
