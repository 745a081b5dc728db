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

#endif
