/* Sections with a system call. */
#ifndef CALLS_H
#define CALLS_H

#include "rseq.h"

/* What happened in a section with a call, counted. A page for itself, so that it can be shared. */
extern volatile struct counts {
  int entered, returned, commits, aborts, unused[1020];
} counts;
/* Children see what is counted later, and the parent what they count. */
void share_counts(void);

/*
 * NAME(descriptor, number, a, b, c, d): a section that counts `entered`, makes the call, and (where it goes on behind it)
 * counts `returned`. Returns what the call returned; `commits` or `aborts` says how it ended.
 */
#ifdef __aarch64__
#define COUNT(offset) " ldr w12, [x11, #" #offset "]\n add w12, w12, #1\n str w12, [x11, #" #offset "]\n"
#define CALL_SECTION(name, behind)                                     \
  extern struct rseq_cs name##_cs;                                     \
  extern char name##_start[], name##_end[], name##_abort[];            \
  long name(struct rseq_cs *, ...);                                    \
  asm(".text\n" #name ":\n"                                            \
      " mov x9, x0\n mov x8, x1\n mov x0, x2\n"                        \
      " mov x1, x3\n mov x2, x4\n mov x3, x5\n"                        \
      " adrp x10, area\n add x10, x10, :lo12:area\n"                   \
      " adrp x11, counts\n add x11, x11, :lo12:counts\n"               \
      " str x9, [x10, #8]\n" #name "_start:\n"                         \
      COUNT(0)                                                         \
      " svc #0\n" behind #name "_end:\n"                               \
      COUNT(8) " ret\n"                                                \
      ".long 0xd428bc00\n" #name "_abort:\n" COUNT(12) " ret\n"        \
      ".data\n.balign 32\n" #name "_cs: .long 0, 0\n"                  \
      ".quad " #name "_start, " #name "_end - " #name "_start, " #name "_abort\n.text\n")

#define GOES_ON COUNT(4)
#define CALL_SIZE 4
#else
#define CALL_SECTION(name, behind)                                     \
  extern struct rseq_cs name##_cs;                                     \
  extern char name##_start[], name##_end[], name##_abort[];            \
  long name(struct rseq_cs *, ...);                                    \
  asm(".text\n" #name ":\n"                                            \
      " mov %rdi, %r11\n mov %rsi, %rax\n mov %rdx, %rdi\n"            \
      " mov %rcx, %rsi\n mov %r8, %rdx\n mov %r9, %r10\n"              \
      " mov %r11, area+8(%rip)\n" #name "_start:\n"                    \
      " incl counts(%rip)\n"                                           \
      " syscall\n" behind #name "_end:\n"                              \
      " incl counts+8(%rip)\n ret\n"                                   \
      ".long 0x53053053\n" #name "_abort: incl counts+12(%rip)\n ret\n" \
      ".data\n.balign 32\n" #name "_cs: .long 0, 0\n"                  \
      ".quad " #name "_start, " #name "_end - " #name "_start, " #name "_abort\n.text\n")

#define GOES_ON " incl counts+4(%rip)\n"
#define CALL_SIZE 2
#endif

/* fork(2) in a section. */
#ifdef __NR_fork
#define FORK __NR_fork
#else
#define FORK __NR_clone, 17 /* SIGCHLD */, 0, 0, 0
#endif

#endif
