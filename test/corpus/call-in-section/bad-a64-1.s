// arch: aarch64
// expect: call-in-section error @marker
// what: calls a function from the section: preempted in it, ip is outside, the kernel clears rseq_cs,
//   and the section goes on unprotected after the return
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        stp     x29, x30, [sp, #-16]!
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    increment_abort
        ldr     x11, [x1, x2, lsl #3]
        bl      hash                         // <-- call-in-section
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]++
.Lpost_commit:
        ldp     x29, x30, [sp], #16
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        ldp     x29, x30, [sp], #16
        mov     x0, #-1
        ret
        .size   increment, .-increment
        .type   hash, %function
hash:
        add     x11, x11, #1                 // changes x11 alone
        ret
        .size   hash, .-hash

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  increment_cs
