# arch: x86-64
# what: struct rseq comes from a function, asked once for the number and once for the section

        .text
        .globl  increment
        .type   increment, @function
increment:
        push    %rbx
        push    %r12
        sub     $8, %rsp
        mov     %rdi, %rbx
1:
        call    my_rseq_area
        mov     (%rax), %r12d
        call    my_rseq_area
        lea     increment_cs(%rip), %rcx
        mov     %rcx, 8(%rax)
.Lstart:
        cmp     %r12d, 4(%rax)
        jne     increment_abort
        incq    (%rbx,%r12,8)            # <-- no-cpu-check: slots[cpu]++
.Lpost_commit:
        add     $8, %rsp
        pop     %r12
        pop     %rbx
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
