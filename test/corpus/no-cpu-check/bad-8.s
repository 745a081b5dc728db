# arch: x86-64
# expect: no-cpu-check error @marker
# what: the section reads node_id, which says nothing of the CPU number that the address was made from

        .text
        .globl  increment
        .type   increment, @function
increment:
        mov     4(%rdi), %eax
1:
        lea     increment_cs(%rip), %r10
        mov     %r10, 8(%rdi)
.Lstart:
        mov     20(%rdi), %ecx
        mov     %ecx, %r11d
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
