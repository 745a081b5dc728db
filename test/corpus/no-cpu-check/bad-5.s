# arch: x86-64
# expect: no-cpu-check error @marker
# what: the branch is the wrong way round: the section is left where the CPU is the same, and goes on where it is another

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
        mov     4(%rdi), %eax
        sub     %ecx, %eax
        je      increment_abort          # <-- no-cpu-check: leaves where they are equal
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
