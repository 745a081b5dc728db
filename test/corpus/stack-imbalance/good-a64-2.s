// arch: aarch64
// what: a retry in the same frame

        .text
        .globl  increment
        .type   increment, @function
increment:
        stp     x29, x30, [sp, -32]!
        mov     x29, sp
        mrs     x19, tpidr_el0
        adrp    x8, :got:__rseq_offset
        ldr     x8, [x8, :got_lo12:__rseq_offset]
        ldr     x8, [x8]
        add     x10, x19, x8
        mov     x16, x1
1:
        ldr     w2, [x10, 24]
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x10, 8]
.Lstart:
        ldr     w3, [x10, 24]
        cmp     w3, w2
        b.ne    increment_abort
        ldr     x5, [x16, x2, lsl 3]
        add     x5, x5, 1
        str     x5, [x16, x2, lsl 3]
.Lpost_commit:
        ldp     x29, x30, [sp], 32
        ret
        .inst   0xd428bc00
increment_abort:
        b       1b
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
