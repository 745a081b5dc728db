// arch: aarch64
// what: the correct twin: one signature for all sections
//
// long increment/decrement(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    increment_abort
        ldr     x11, [x1, x2, lsl #3]
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]++
.Lpost_commit:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // the signature
increment_abort:
        mov     x0, #-1
        ret
        .size   increment, .-increment
        .text
        .globl  decrement
        .type   decrement, %function
decrement:
        adrp    x9, decrement_cs
        add     x9, x9, :lo12:decrement_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Ldstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    decrement_abort
        ldr     x11, [x1, x2, lsl #3]
        sub     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]--
.Ldpost:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // the signature
decrement_abort:
        mov     x0, #-1
        ret
        .size   decrement, .-decrement

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  increment_cs

        .section __rseq_cs, "aw"
        .balign 32
decrement_cs:
        .word   0, 0                         // version, flags
        .xword  .Ldstart                     // start_ip
        .xword  .Ldpost - .Ldstart           // post_commit_offset
        .xword  decrement_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  decrement_cs
