// arch: aarch64
// what: a loop inside the section: looks for the first of 8 slots that is not empty, and takes it
//
// long take_first(struct rseq *r, long *slots, long cpu);  the value taken, 0: none, -1: aborted

        .text
        .globl  take_first
        .type   take_first, %function
take_first:
        add     x12, x1, x2, lsl #6          // 8 slots of 8 bytes a CPU
        adrp    x9, take_first_cs
        add     x9, x9, :lo12:take_first_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    take_first_abort
        mov     x13, #0
.Lnext:
        ldr     x11, [x12, x13, lsl #3]
        cbnz    x11, .Lfound
        add     x13, x13, #1
        cmp     x13, #8
        b.lo    .Lnext
        b       .Lnone                       // a declared exit point
.Lfound:
        str     xzr, [x12, x13, lsl #3]      // the commit
.Lpost_commit:
        mov     x0, x11
        ret
.Lnone:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
take_first_abort:
        mov     x0, #-1
        ret
        .size   take_first, .-take_first

        .section __rseq_cs, "aw"
        .balign 32
take_first_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  take_first_abort             // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  take_first_cs
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lnone
