# arch: x86-64
# what: the descriptor is picked from a table of pointers, in data, by an index

        .text
        .globl  _start
        .type   _start, @function
_start:
        mov     %fs:0, %rdi
1:
        mov     (%rdi), %r9d
        mov     tab(,%rdx,8), %r11
        mov     %r11, 8(%rdi)
.Lstart:
        cmp     4(%rdi), %r9d
        jne     increment_abort
        incq    (%rsi,%r9,8)
.Lpost_commit:
        ret
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        jmp     1b
        .size   _start, .-_start
        .pushsection __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0
        .quad   .Lstart, .Lpost_commit-.Lstart, increment_abort
        .popsection
        .pushsection __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
        .popsection
        .data
csptr:
        .quad   increment_cs
tab:
        .quad   increment_cs, increment_cs
