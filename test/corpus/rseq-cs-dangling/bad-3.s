# arch: x86-64
# expect: rseq-cs-dangling error @marker
# what: the branch to the abort handler leaves the loop with rseq_cs still set

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
        xor     %edx, %edx
        mov     %rax, 8(%rdi)            # <-- rseq-cs-dangling: stays set behind the branch to the abort handler
.Lstart:
        cmp     %ecx, 4(%rdi)
        jne     increment_abort
        incq    (%rsi,%rcx,8)
.Lpost_commit:
        movq    $0, 8(%rdi)
        xor     %edx, %edx
2:
        test    %edx, %edx
        jne     1b
        add     $40, %rsp
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     2b
        .size   increment, .-increment
