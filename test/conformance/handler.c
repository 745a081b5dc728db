/* Handlers. */
#include "signals.h"
#include <linux/time.h>

#ifdef __aarch64__
asm(".text\nrestorer:\n mov x8, #139\n svc #0\n"); /* rt_sigreturn */
#else
asm(".text\nrestorer:\n mov $15, %eax\n syscall\n"); /* rt_sigreturn */
#endif
extern char restorer[];

long on_signal(int number, handler *function, u64 flags) {
  struct {
    handler *function;
    u64 flags;
    void *restorer;
    u64 mask;
  } action = {function, flags | SA_SIGINFO | SA_RESTORER, restorer, 0};
  return sys(rt_sigaction, number, &action, 0, 8);
}

long send_to(int tid, int number) {
  long process = sys(getpid);
  return sys(tgkill, process, tid, number);
}
long block(int how, u64 mask, u64 *old) { return sys(rt_sigprocmask, how, &mask, old, 8); }

void alarm_ms(long first, long interval) {
  struct {
    long interval_s, interval_us, value_s, value_us;
  } timer = {interval / 1000, interval % 1000 * 1000, first / 1000, first % 1000 * 1000};
  sys(setitimer, ITIMER_REAL, &timer, 0);
}
