#!/bin/sh
# Makes the programs (gcc for x86-64, aarch64-linux-gnu-gcc): static, without a C library; with symbols, which schedules name.
set -eu
cd "$(dirname "$0")"
COMMON="-static -nostdlib -ffreestanding -O2 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -mgeneral-regs-only -ftls-model=local-exec
  -fno-stack-protector -fno-pie -no-pie -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noseparate-code"
gcc $COMMON -fcf-protection=none -o annotated-x86-64 annotated.c
aarch64-linux-gnu-gcc $COMMON -march=armv8-a -Wl,-z,max-page-size=4096 -mno-outline-atomics -mbranch-protection=none -o annotated-aarch64 annotated.c
