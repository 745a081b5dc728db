// arch: aarch64
// expect: rseq-cs-dangling error @marker
// what: the descriptor is on the stack and rseq_cs still points at it when the function returns: the
//   kernel later reads what has overwritten it (SIGSEGV)
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        stp     x29, x30, [sp, #-16]!
        mov     x29, sp
        sub     x9, sp, #32
        and     sp, x9, #-32                 // a descriptor is 32-byte aligned
        adr     x10, .Lstart
        stp     xzr, x10, [sp]               // version and flags, start_ip
        mov     x10, #.Lpost_commit - .Lstart
        adr     x11, increment_abort
        stp     x10, x11, [sp, #16]          // post_commit_offset, abort_ip
        mov     x9, sp
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed  <-- rseq-cs-dangling
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    increment_abort
        ldr     x11, [x1, x2, lsl #3]
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]++
.Lpost_commit:
        mov     sp, x29
        ldp     x29, x30, [sp], #16
        mov     x0, #0
        ret                                  // <-- rseq-cs-dangling
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        str     xzr, [x0, #8]                // r->rseq_cs = NULL
        mov     sp, x29
        ldp     x29, x30, [sp], #16
        mov     x0, #-1
        ret
        .size   increment, .-increment
