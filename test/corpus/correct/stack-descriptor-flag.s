# arch: x86-64
# what: a descriptor on the stack; a byte in a register tells whether to go round again, and only the way that has cleared rseq_cs
#   leaves the loop (clang -O1)

        .text
        .globl  increment
        .type   increment, @function
increment:
        sub     $40, %rsp
1:
        mov     4(%rdi), %ecx
        lea     increment_abort(%rip), %rax
        mov     %rax, 24(%rsp)
        movq    $.Lpost_commit-.Lstart, 16(%rsp)
        lea     .Lstart(%rip), %rax
        mov     %rax, 8(%rsp)
        movq    $0, (%rsp)
        mov     %rsp, %rax
        mov     $1, %dl
        mov     %rax, 8(%rdi)            # <-- rseq-cs-dangling: stays set behind the branch to the abort handler
.Lstart:
        cmp     %ecx, 4(%rdi)
        jne     increment_abort
        incq    (%rsi,%rcx,8)
.Lpost_commit:
        movq    $0, 8(%rdi)
        xor     %edx, %edx
2:
        test    %dl, %dl
        jne     1b
        add     $40, %rsp
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     2b
        .size   increment, .-increment
