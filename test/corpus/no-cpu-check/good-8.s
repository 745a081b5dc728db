# arch: x86-64
# what: the address is read from a table by the CPU number, which the section compares

        .text
        .globl  increment
        .type   increment, @function
increment:
        mov     (%rdi), %eax
        mov     %eax, %r8d
        mov     tab(,%rax,8), %rsi
        xor     %eax, %eax
1:
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        cmp     %r8d, 4(%rdi)
        jne     increment_abort
        incq    (%rsi,%rax,8)            # <-- no-cpu-check: slots[cpu]++
.Lpost_commit:
        ret
        .pushsection __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        mov     $-1, %eax
        ret
        .popsection
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
        .comm   tab, 4096, 8
