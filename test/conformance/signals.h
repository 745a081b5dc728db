/* Handlers. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "sys.h"
#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

typedef void handler(int, siginfo_t *, struct ucontext *);

long on_signal(int number, handler *function, u64 flags);
long send_to(int tid, int number);
long block(int how, u64 mask, u64 *old);
/* Where the program was interrupted. */
#ifdef __aarch64__
#define IP(context) ((context)->uc_mcontext.pc)
#else
#define IP(context) ((context)->uc_mcontext.rip)
#endif
static inline u64 bit(int number) { return 1ul << (number - 1); }
/* SIGALRM after some milliseconds, then again each `interval`. */
void alarm_ms(long first, long interval);

#endif
