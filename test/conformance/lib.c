/* Text, the start and the end of the program. No C library. */
#include "rows.h"
#include "thread.h"
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>

char **arguments;
static u64 *auxiliary;
static int parts;

static const char *const ERRNO[] = {
    [EPERM] = "EPERM",   [ENOENT] = "ENOENT", [ESRCH] = "ESRCH",   [EINTR] = "EINTR",   [E2BIG] = "E2BIG",   [EBADF] = "EBADF",
    [ECHILD] = "ECHILD", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM", [EACCES] = "EACCES", [EFAULT] = "EFAULT", [EBUSY] = "EBUSY",
    [EEXIST] = "EEXIST", [EINVAL] = "EINVAL", [EPIPE] = "EPIPE",   [ENOSYS] = "ENOSYS", [EIO] = "EIO", [ETIMEDOUT] = "ETIMEDOUT",
    [ENXIO] = "ENXIO", [EOPNOTSUPP] = "EOPNOTSUPP",
};

void *memset(void *to, int byte, u64 length) {
  for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = byte;
  return to;
}

void *memcpy(void *to, const void *from, u64 length) {
  for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}

u64 aux(u64 type) {
  for (u64 *at = auxiliary; at[0]; at += 2)
    if (at[0] == type) return at[1];
  return 0;
}

static char *put_text(char *at, const char *text) {
  while (*text) *at++ = *text++;
  return at;
}

static char *put_number(char *at, u64 value, u64 base) {
  char digits[24];
  int n = 0;
  do digits[n++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (n) *at++ = digits[--n];
  return at;
}

static char *put_signed(char *at, long value) {
  if (value < 0) *at++ = '-';
  return put_number(at, value < 0 ? -value : value, 10);
}

static char *put_result(char *at, long value) {
  if (value == -524) return put_text(at, "ENOTSUPP"); /* the kernel's own; no header for programs has it */
  if (value < 0 && value > -(long)(sizeof ERRNO / sizeof *ERRNO) && ERRNO[-value]) return put_text(at, ERRNO[-value]);
  return put_signed(at, value);
}

void say(const char *format, ...) {
  char text[1024], *at = text;
  va_list list;
  va_start(list, format);
  if (parts++) at = put_text(at, "; ");
  for (; *format; format++) {
    if (*format != '%') {
      *at++ = *format;
      continue;
    }
    switch (*++format) {
    case 'd': at = put_signed(at, va_arg(list, long)); break;
    case 'x': at = put_number(put_text(at, "0x"), va_arg(list, u64), 16); break;
    case 's': at = put_text(at, va_arg(list, const char *)); break;
    default: at = put_result(at, va_arg(list, long)); break;
    }
  }
  va_end(list);
  sys(write, 1, text, at - text);
}

void said(void) { parts++; }

void done(void) {
  sys(write, 1, "\n", 1);
  leave(0);
}

void skip(const char *reason) {
  parts = 0;
  say("skipped: %s\n", reason);
  leave(77);
}

void leave(int status) {
  sys(exit_group, status);
  __builtin_unreachable();
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

/* Whether there may be any: in test/live/programs. */
#ifndef CORES
#define CORES 0
#endif

/*
 * The process that has started us watches over us: we do not outlive it, nor does a row of a broken kernel spin for ever. No core dumps: 1 byte is too
 * small for a file, and keeps them from a handler too (kernel/coredump.c, where 0 would not). What is refused is done without.
 */
static void harmless(void) {
  const struct rlimit64 core = {1, 1}, seconds = {120, 120};
  sys(prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (!CORES) sys(prlimit64, 0, RLIMIT_CORE, &core, 0);
  sys(prlimit64, 0, RLIMIT_CPU, &seconds, 0);
}

static void list(void) {
  for (const struct row *const *table = tables; *table; table++)
    for (const struct row *row = *table; row->id; row++) {
      parts = 0;
      say("%s\t%s\t%s\n", row->id, row->source, row->description);
    }
}

__attribute__((used)) static void begin(u64 *stack) {
  arguments = (char **)(stack + 1);
  char **at = arguments + stack[0] + 1;
  while (*at++);
  auxiliary = (u64 *)at;
  const char *wanted = stack[0] > 1 ? arguments[1] : "list";
  if (same(wanted, "list")) {
    list();
    leave(0);
  }
  for (const struct row *const *table = tables; *table; table++)
    for (const struct row *row = *table; row->id; row++)
      if (same(row->id, wanted)) {
        harmless();
        row->run();
        done();
      }
  say("no row %s; rows list", wanted);
  sys(write, 1, "\n", 1);
  leave(2);
}

#ifdef __aarch64__
asm(".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl begin\n");
#else
asm(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#endif
