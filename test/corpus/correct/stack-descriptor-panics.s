# arch: x86-64
# what: a descriptor on the stack; a check in front of the store of 0 ends in a call that never returns, of a function
#   whose name says nothing: behind it stands another function

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %r14
        sub     $64, %rsp
        mov     %rdi, %r14
1:
        mov     (%r14), %r9d
        movq    $0, (%rsp)
        lea     .Lstart(%rip), %rax
        mov     %rax, 8(%rsp)
        movq    $.Lpost_commit-.Lstart, 16(%rsp)
        lea     increment_abort(%rip), %rax
        mov     %rax, 24(%rsp)
        mov     %rsp, %rax
        mov     %rax, 8(%r14)
.Lstart:
        cmp     4(%r14), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        cmp     $4096, %r9d
        jae     .Lpanic
        movq    $0, 8(%r14)
        add     $64, %rsp
        pop     %r14
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     1b
.Lpanic:
        lea     increment_cs(%rip), %rdi
        call    panic_bounds
        .size   increment, .-increment
        .globl  g
        .type   g, @function
g:
        ret
        .size   g, .-g
        .section .data.rel.ro, "aw"
        .balign 32
increment_cs:
        .quad   0
