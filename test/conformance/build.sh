#!/bin/sh
# Makes `rows` from its sources (gcc for x86-64), and `rows-aarch64` with what of them is in both languages (aarch64-linux-gnu-gcc, if it is there):
# static, without a C library, general registers only.
set -eu
cd "$(dirname "$0")"
COMMON="-static -nostdlib -ffreestanding -O2 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror -mgeneral-regs-only
  -fno-stack-protector -fno-pie -no-pie -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noseparate-code -s"
gcc $COMMON -mno-red-zone -fcf-protection=none -o "${1:-rows}" $(ls ./*.c | grep -v arm64)
ARM64=${ARM64:-aarch64-linux-gnu-gcc}
command -v "$ARM64" >/dev/null || exit 0
"$ARM64" $COMMON -mno-outline-atomics -mbranch-protection=none -Wl,-z,max-page-size=65536 -o rows-aarch64 main.c lib.c thread.c handler.c section.c registration.c fields.c violations.c \
  unchecked.c lazy.c aborts.c interrupted.c family.c membarrier.c slice.c configuration.c sigsegv.c inside.c last.c signals.c restart.c basics.c ptrace.c arm64.c
