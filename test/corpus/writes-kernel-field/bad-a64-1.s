// arch: aarch64
// expect[6.18]: writes-kernel-field warning @marker
// expect[6.19]: writes-kernel-field error @marker
// expect[7.1]: writes-kernel-field error @marker
// what: marks its cached CPU number as stale by writing cpu_id_start: up to 6.18 the kernel writes it
//   back at the next switch, 6.19 does not, 7.1 kills the thread
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        mov     w9, #-1
        str     w9, [x0]                     // <-- writes-kernel-field: cpu_id_start
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
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  increment_cs
