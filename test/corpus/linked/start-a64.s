// The entry of the linked arm64 fixture: registers rseq, calls increment(r, slots, cpu) once, exits with
// slots[cpu] - 1, that is 0 where all went well. No libc.

        .text
        .globl  _start
        .type   _start, %function
_start:
        adrp    x0, area
        add     x0, x0, :lo12:area
        mov     x19, x0
        mov     x1, #32
        mov     x2, #0
        mov     w3, #0xbc00
        movk    w3, #0xd428, lsl #16
        mov     x8, #293                 // rseq(area, 32, 0, signature)
        svc     #0
        mov     x0, x19
        adrp    x1, slots
        add     x1, x1, :lo12:slots
        ldr     w2, [x0, #4]             // cpu_id
        bl      increment
        ldr     w2, [x19, #4]
        adrp    x1, slots
        add     x1, x1, :lo12:slots
        ldr     x0, [x1, x2, lsl #3]
        sub     x0, x0, #1
        mov     x8, #94                  // exit_group
        svc     #0
        .size   _start, .-_start

        .bss
        .balign 64
area:
        .zero   64
slots:
        .zero   8 * 512
