# arch: x86-64
# expect: no-cpu-check error @marker
# what: cpu_id is compared with a limit only: that says nothing of the number that the address was made from

        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        mov     (%rdi), %ecx
        mov     %ecx, %r8d
        lea     increment_cs(%rip), %r11
        mov     %r11, 8(%rdi)
.Lstart:
        cmpl    $0x1000, 4(%rdi)
        jae     increment_abort
        incq    (%rsi,%rcx,8)            # <-- no-cpu-check: slots[cpu]++
.Lpost_commit:
        xor     %eax, %eax
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
