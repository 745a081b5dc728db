// arch: aarch64
// what: the same, subtracted from the number of before, and left where the difference is not 0

        .arch   armv8.1-a
        .text
        .globl  increment
        .type   increment, @function
increment:
1:
        ldr     w2, [x0]
        mov     x14, x1
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, 8]
.Lstart:
        ldr     w3, [x0, 4]
        sub     w3, w3, w2
        cbnz    w3, increment_abort
        add     x4, x1, x2, lsl 7
        ldr     x5, [x4]                 // <-- no-cpu-check: slots of the CPU in w2
        add     x5, x5, 1
        str     x5, [x4]
.Lpost_commit:
        mov     x0, 0
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
