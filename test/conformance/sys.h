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

#ifdef __aarch64__
/* Instructions by the names that they have on x86. */
asm(".macro pause\n yield\n.endm\n.macro int3\n brk #0\n.endm\n.macro ud2\n .inst 0\n.endm\n");

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
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
#endif

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
