// arch: aarch64
// what: the correct twin: the section ends with a store, the system call comes behind it
//
// long increment(struct rseq *r);  process id, -1: aborted, -125: cancelled

        .text
        .globl  increment
        .type   increment, %function
increment:
        mrs     x13, tpidr_el0
        add     x13, x13, :tprel_hi12:cancelled
        add     x13, x13, :tprel_lo12_nc:cancelled
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x13]
        cbnz    w10, .Lcancelled             // a declared exit point
        mov     w10, #1
        str     w10, [x13, #4]               // the commit: calling = 1
.Lpost_commit:
        mov     x8, #172                     // getpid
        svc     #0
        ret
.Lcancelled:
        mov     x0, #-125                    // -ECANCELED
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        mov     x0, #-1
        ret
        .size   increment, .-increment

        .section .tbss, "awT", %nobits
        .balign 4
cancelled:
        .zero   4
calling:
        .zero   4

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
        .xword  .Lstart, .Lcancelled
