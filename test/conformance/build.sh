#!/bin/sh
# Makes `rows` from its sources (gcc for x86-64): static, without a C library, general registers only.
set -eu
cd "$(dirname "$0")"
gcc -static -nostdlib -ffreestanding -O2 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Werror -mgeneral-regs-only -mno-red-zone -fno-stack-protector -fno-pie -no-pie \
  -fcf-protection=none -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noseparate-code -s -o "${1:-rows}" ./*.c
