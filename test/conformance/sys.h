/* System calls without a C library: nothing may register rseq before a row does. */
#ifndef SYS_H
#define SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <stdarg.h>
#include <stddef.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#ifndef __NR_rseq_slice_yield
#define __NR_rseq_slice_yield 471
#endif

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

/* sys(getpid), sys(kill, pid, 9): what the kernel returns, a negative errno included. */
#define sys(name, ...) SYS_PAD(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_PAD(n, a, b, c, d, e, f, ...) \
  syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* auxiliary vector, program and environment as the kernel gave them */
extern char **arguments;
u64 aux(u64 type);

/*
 * One part of the row's result; parts are joined by "; ". %d number, %x hexadecimal, %s text,
 * %e what a system call returned: the errno's name or the number.
 */
void say(const char *format, ...);
/* Another process has said something for this row. */
void said(void);
/* Ends the row with a newline. */
_Noreturn void done(void);
/* The row cannot be run here. */
_Noreturn void skip(const char *reason);

#define ONCE(variable) (*(volatile __typeof__(variable) *)&(variable))

#endif
