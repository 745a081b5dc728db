# A program with one section. It registers 32 bytes by itself, 64 with a second argument; says "ready"; with a first argument that begins with w it waits
# for a signal. With WRITES it does as TCMalloc: it keeps a pointer whose upper half lies over cpu_id_start, and counts on the kernel writing that again.

        .set    SYS_write, 1
        .set    SYS_pause, 34
        .set    SYS_exit_group, 231
        .set    SYS_rseq, 334

        .text
        .globl  _start
_start:
        movq    (%rsp), %rbx             # argc
        movq    16(%rsp), %r12           # argv[1]
        movl    $32, %esi
        cmpq    $3, %rbx
        jb      1f
        movl    $64, %esi
1:      leaq    area(%rip), %rdi
        xorl    %edx, %edx
        movl    $0x53053053, %r10d
        movl    $SYS_rseq, %eax
        syscall
        testq   %rax, %rax
        jnz     fail
        leaq    area(%rip), %rdi
        leaq    slots(%rip), %rsi
        movl    4(%rdi), %edx            # cpu_id
        call    increment
        movl    $1, %edi
        leaq    ready(%rip), %rsi
        movl    $6, %edx
        movl    $SYS_write, %eax
        syscall
        cmpq    $2, %rbx
        jb      done
        cmpb    $'w', (%r12)
        jne     done
        movl    $SYS_pause, %eax
        syscall
done:   xorl    %edi, %edi
        movl    $SYS_exit_group, %eax
        syscall
fail:   movl    $2, %edi
        movl    $SYS_exit_group, %eax
        syscall

# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted
        .type   increment, @function
increment:
.ifdef WRITES
        leaq    slots(%rip), %rax
        movq    %rax, -4(%rdi)           # the cached pointer: its upper half is cpu_id_start
.endif
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi
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

        .section .rodata
ready:  .ascii  "ready\n"

        .data
        .balign 64
        .fill   64                       # the lower half of the pointer lies in front of the area
area:   .long   0, -1
        .fill   56
        .bss
        .balign 64
slots:  .skip   8 * 4096
