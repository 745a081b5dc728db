// arch: aarch64
// what: spills to its own stack inside: not visible to others, so the slot is still the only commit
//
// long swap(struct rseq *r, long *slots, long cpu, long value);  the old value, -1: aborted

        .text
        .globl  swap
        .type   swap, %function
swap:
        sub     sp, sp, #16
        adrp    x9, swap_cs
        add     x9, x9, :lo12:swap_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    swap_abort
        ldr     x11, [x1, x2, lsl #3]
        str     x11, [sp, #8]                // the old value
        str     x3, [x1, x2, lsl #3]         // the commit
.Lpost_commit:
        ldr     x0, [sp, #8]
        add     sp, sp, #16
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
swap_abort:
        add     sp, sp, #16
        mov     x0, #-1
        ret
        .size   swap, .-swap

        .section __rseq_cs, "aw"
        .balign 32
swap_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  swap_abort                   // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  swap_cs
