# arch: x86-64
# expect: not-armed warning @increment_cs
# may: descriptor-unlisted warning @increment_cs
# what: a descriptor on the stack, copied by vector registers from a template, as compilers initialise a structure. The template
#   is never armed: its copy is, which is not followed. A warning says so

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %r14
        sub     $64, %rsp
        mov     %rdi, %r14
1:
        mov     (%r14), %r9d
        movaps  increment_cs(%rip), %xmm0
        movaps  %xmm0, (%rsp)
        movaps  increment_cs+16(%rip), %xmm0
        movaps  %xmm0, 16(%rsp)
        mov     %rsp, %rax
        mov     %rax, 8(%r14)
.Lstart:
        cmp     4(%r14), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        movq    $0, 8(%r14)
        add     $64, %rsp
        pop     %r14
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     1b
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
        .quad   .Lstart, .Lpost_commit-.Lstart, increment_abort
