// arch: aarch64
// expect: descriptor-without-code error @increment_cs
// may: arming-gap error @*
// what: start_ip is not a multiple of 4, so no instruction starts there
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

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
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        mov     x0, #-1
        ret
        .size   increment, .-increment

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart + 2                  // <-- descriptor-without-code
        .xword  .Lpost_commit - .Lstart - 2  // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  increment_cs
