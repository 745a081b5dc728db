#include "tiny.h"

#ifdef __aarch64__
/* But for those whose instructions and registers are x86-64's. */
#define PARTS X(signals) X(queues) X(restarts) X(altstack) X(stops) X(waits) X(orphans) X(clones) X(threads) X(execs) X(futexes) X(robust) X(timers) X(sched)
#else
#define PARTS X(signals) X(queues) X(restarts) X(altstack) X(stops) X(waits) X(orphans) X(clones) X(threads) X(execs) X(futexes) X(robust) X(timers) X(sched) X(trace) X(steps) X(events) X(seize) X(memory) X(sections) X(checkpointer) X(unsigneds) X(anew)
#endif
#define X(name) PART(name);
PARTS
#undef X

static const struct {
  const char *name;
  void (*run)(char **);
} parts[] = {
#define X(name) {#name, part_##name},
    PARTS
#undef X
};

__attribute__((used)) void begin(long *stack) {
  char **arguments = (char **)(stack + 1);
  for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
    if (stack[0] > 1 && same(arguments[1], parts[n].name)) {
      parts[n].run(arguments);
      leave(0);
    }
  for (size_t n = 0; stack[0] < 2 && n < sizeof parts / sizeof *parts; n++) say("%s", parts[n].name);
  leave(stack[0] < 2 ? 0 : 99);
}
#ifdef __aarch64__
/* What the compiler calls of its own accord. */
void *memset(void *to, int byte, size_t size) {
  for (volatile char *at = to; size--;) *at++ = byte;
  return to;
}
void *memcpy(void *to, const void *from, size_t size) {
  const char *next = from;
  for (volatile char *at = to; size--;) *at++ = *next++;
  return to;
}
__asm__(".globl _start\n_start: mov x0, sp\n mov x29, #0\n bl begin\n");
__asm__(".globl restorer\nrestorer: mov x8, #139\n svc #0\n");
__asm__(".globl spawn\nspawn:\n"
        " sub x1, x1, #16\n stp x5, x6, [x1]\n mov x7, x3\n mov x3, x4\n mov x4, x7\n mov x8, #220\n svc #0\n cbz x0, 1f\n ret\n"
        "1: mov x29, #0\n ldp x9, x0, [sp], #16\n blr x9\n mov x0, #0\n mov x8, #93\n svc #0\n");
#else
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
__asm__(".globl restorer\nrestorer: mov $15, %eax\n syscall\n");
__asm__(".globl spawn\nspawn:\n"
        " mov 8(%rsp), %rax\n sub $16, %rsi\n mov %rax, 8(%rsi)\n mov %r9, (%rsi)\n"
        " mov %rcx, %r10\n mov $56, %eax\n syscall\n test %eax, %eax\n jz 1f\n ret\n"
        "1: xor %ebp, %ebp\n pop %rax\n pop %rdi\n call *%rax\n xor %edi, %edi\n mov $60, %eax\n syscall\n");
#endif
