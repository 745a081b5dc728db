// arch: aarch64
// expect: abort-inside-section error @increment_cs|increment_abort
// what: the abort handler stands between start_ip and the commit; up to 6.18 the kernel kills the
//   thread, later ones jump into the section
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
        cmp     w10, w2
        b.ne    .Lfailed                     // a declared exit point
        b       .Lcommit
        .inst   0xd428bc00
increment_abort:                             // <-- abort-inside-section
        b       .Lfailed
.Lcommit:
        ldr     x11, [x1, x2, lsl #3]
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]++
.Lpost_commit:
        mov     x0, #0
        ret
.Lfailed:
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
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lfailed
