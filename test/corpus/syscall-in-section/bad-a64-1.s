// arch: aarch64
// expect: syscall-in-section error @marker
// what: getpid in the middle of the section: a call that blocks is executed, then the section aborts
//   and it is executed again; with rseq debugging the kernel kills the thread
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        mov     x12, x0                      // struct rseq: x0 will carry the result
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x12, #8]                // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x12, #4]               // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    increment_abort
        mov     x8, #172                     // getpid
        svc     #0                           // <-- syscall-in-section
        str     x0, [x1, x2, lsl #3]         // the commit: slots[cpu] = pid
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
