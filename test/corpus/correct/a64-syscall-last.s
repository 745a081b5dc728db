// arch: aarch64
// expect: syscall-last note @marker
// what: a section whose last instruction is a system call: made only if no signal has come since the
//   flag was read
//
// long interruptible_call(struct rseq *r);  process id, -1: aborted, -125: cancelled

        .text
        .globl  interruptible_call
        .type   interruptible_call, %function
interruptible_call:
        mrs     x13, tpidr_el0
        add     x13, x13, :tprel_hi12:cancelled
        add     x13, x13, :tprel_lo12_nc:cancelled
        adrp    x9, interruptible_call_cs
        add     x9, x9, :lo12:interruptible_call_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x13]
        cbnz    w10, .Lcancelled             // a declared exit point
        mov     x8, #172                     // getpid
        svc     #0                           // <-- syscall-last: the commit
.Lpost_commit:
        ret
.Lcancelled:
        mov     x0, #-125                    // -ECANCELED
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
interruptible_call_abort:
        mov     x0, #-1
        ret
        .size   interruptible_call, .-interruptible_call

        .section .tbss, "awT", %nobits
        .balign 4
cancelled:
        .zero   4
calling:
        .zero   4

        .section __rseq_cs, "aw"
        .balign 32
interruptible_call_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  interruptible_call_abort     // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  interruptible_call_cs
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lcancelled
