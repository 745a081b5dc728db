# A library with a section, which writes cpu_id_start: of glibc's struct rseq with GLIBC, else of a thread-local one of its own, which nobody registers here.
# Nothing calls it: it is there to be found.

        .text
        .globl  increment
        .type   increment, @function
increment:                               # long increment(long *slots, long cpu)
.ifdef GLIBC
        .weak   __rseq_offset
        movq    __rseq_offset@GOTPCREL(%rip), %rax
        movq    (%rax), %rax
        movq    %fs:0, %rcx
        addq    %rcx, %rax
.else
        movq    __rseq_abi@gottpoff(%rip), %rax
        addq    %fs:0, %rax
.endif
        movl    $-1, (%rax)              # cpu_id_start
        leaq    increment_cs(%rip), %rcx
        movq    %rcx, 8(%rax)            # rseq_cs: armed
.Lstart:
        cmpl    %esi, 4(%rax)            # cpu_id
        jne     increment_abort
        incq    (%rdi,%rsi,8)
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0
        .quad   .Lstart, .Lpost_commit - .Lstart, increment_abort
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
.ifndef GLIBC
        .section .tbss, "awT", @nobits
        .balign 32
        .globl  __rseq_abi
        .type   __rseq_abi, @object
        .size   __rseq_abi, 32
__rseq_abi:
        .skip   32
.endif
        .section .note.GNU-stack, "", @progbits
