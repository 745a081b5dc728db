// arch: aarch64
// expect: nested-section error @marker|inner_cs|outer_cs
// what: arms a second section inside the first: a thread has one rseq_cs, so from that store on the
//   outer section is no longer protected
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        adrp    x9, outer_cs
        add     x9, x9, :lo12:outer_cs
        str     x9, [x0, #8]                 // outer section armed
.Louter:
        ldr     w10, [x0, #4]
        cmp     w10, w2
        b.ne    increment_abort
        adrp    x9, inner_cs
        add     x9, x9, :lo12:inner_cs
        str     x9, [x0, #8]                 // <-- nested-section
.Linner:
        ldr     w10, [x0, #4]
        cmp     w10, w2
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
outer_cs:
        .word   0, 0                         // version, flags
        .xword  .Louter                      // start_ip
        .xword  .Lpost_commit - .Louter      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  outer_cs

        .section __rseq_cs, "aw"
        .balign 32
inner_cs:
        .word   0, 0                         // version, flags
        .xword  .Linner                      // start_ip
        .xword  .Lpost_commit - .Linner      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  inner_cs
