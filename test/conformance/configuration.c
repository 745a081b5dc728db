/* What PTRACE_GET_RSEQ_CONFIGURATION says. */
#include "rows.h"
#include "rseq.h"
#include "tracer.h"

#define CONFIGURATION "kernel/ptrace.c ptrace_get_rseq_configuration"
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

struct configuration {
  u64 pointer;
  u32 size, signature, flags, pad, beyond;
};

static void nothing(void) {}

static void say_configuration(long pid, u64 size) {
  struct configuration found;
  for (u64 i = 0; i < sizeof found; i++) ((volatile char *)&found)[i] = 0x77;
  long result = trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, size, &found);
  say("%e", result);
  if (result < 0) return;
  u64 written = 0;
  for (u64 i = 0; i < sizeof found; i++)
    if (((char *)&found)[i] != 0x77) written = i + 1;
  say("%d bytes", written);
  if (size < 24) return;
  say("address %s", found.pointer == (u64)&area ? "right" : found.pointer ? "wrong" : "0");
  say("size %d", (long)found.size);
  say("signature %x", (u64)found.signature);
  say("flags %d, pad %d", (long)found.flags, (long)found.pad);
}

static void configured(u64 size) {
  registered();
  long pid = tracee(nothing);
  say_configuration(pid, size);
  end(pid);
}

static void size_0(void) { configured(0); }
static void size_8(void) { configured(8); }
static void size_23(void) { configured(23); }
static void size_24(void) { configured(24); }
static void size_100(void) { configured(100); }

static void long_registration(void) {
  rseq(&area, 64, 0, 0x12345678);
  long pid = tracee(nothing);
  say_configuration(pid, 24);
  end(pid);
}

static void unregistered(void) {
  long pid = tracee(nothing);
  say_configuration(pid, 24);
  end(pid);
}

static void bad_buffer(void) {
  long pid = tracee(nothing);
  say("%e", trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, 24, (void *)0x10));
  end(pid);
}

static void sleeps(void) { sleep_ms(20000); }

static void running(void) {
  long pid = tracee(sleeps);
  trace(PTRACE_CONT, pid, 0, 0);
  struct configuration found;
  say("%e", trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, 24, &found));
  end(pid);
}

static void not_traced(void) {
  long pid = fork();
  if (pid == 0) {
    sleeps();
    leave(0);
  }
  struct configuration found;
  say("child %e", trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, 24, &found));
  say("itself %e", trace(PTRACE_GET_RSEQ_CONFIGURATION, sys(gettid), 24, &found));
  say("nobody %e", trace(PTRACE_GET_RSEQ_CONFIGURATION, 1 << 30, 24, &found));
  end(pid);
}

const struct row configuration_rows[] = {
    {"configuration.size-24", "PTRACE_GET_RSEQ_CONFIGURATION, 24 bytes", CONFIGURATION, size_24},
    {"configuration.size-0", "the same, 0 bytes", CONFIGURATION, size_0},
    {"configuration.size-8", "the same, 8 bytes", CONFIGURATION, size_8},
    {"configuration.size-23", "the same, 23 bytes", CONFIGURATION, size_23},
    {"configuration.size-100", "the same, 100 bytes", CONFIGURATION, size_100},
    {"configuration.length-64", "registered with 64 bytes and another signature", CONFIGURATION, long_registration},
    {"configuration.unregistered", "a thread without registration", CONFIGURATION, unregistered},
    {"configuration.bad-buffer", "a buffer that cannot be written", CONFIGURATION, bad_buffer},
    {"configuration.running", "a tracee that runs", "kernel/ptrace.c ptrace_check_attach", running},
    {"configuration.not-traced", "who is not traced by the caller", "kernel/ptrace.c ptrace_check_attach", not_traced},
    {0},
};
