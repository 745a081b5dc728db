# arch: x86-64
# what: the same with the number of before

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %r12
        mov     %rdi, %r12
1:
        mov     (%r12), %r10d
        lea     increment_cs(%rip), %r11
        mov     %r11, 8(%r12)
.Lstart:
        mov     4(%r12), %eax
        xor     %r10d, %eax
        jnz     increment_abort
        mov     %r10, %rax
        shl     $6, %rax
        addq    $1, (%rsi,%rax)          # <-- no-cpu-check: slots of the CPU in r10
.Lpost_commit:
        xor     %eax, %eax
        pop     %r12
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
