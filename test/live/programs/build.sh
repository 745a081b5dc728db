#!/bin/sh
# Makes `standing` and `narrow` (32-bit) from their sources (gcc for x86-64), static, without a C library; its symbols are kept. And `kept.gz`, by musl-gcc (Debian: musl-tools).
set -eu
cd "$(dirname "$0")"
gcc -DCORES=1 -static -nostdlib -ffreestanding -O2 -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-unused-function -Werror -mgeneral-regs-only -mno-red-zone \
  -fno-stack-protector -fno-pie -no-pie -fcf-protection=none -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
  -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code \
  -o standing standing.c ../../conformance/lib.c ../../conformance/thread.c ../../conformance/section.c
gcc -m32 -static -nostdlib -ffreestanding -Os -Wall -Wextra -Werror -fno-stack-protector -fno-pie -no-pie -fcf-protection=none -fno-asynchronous-unwind-tables \
  -Wl,--build-id=none -Wl,-z,noseparate-code -s -o narrow narrow.c
musl-gcc -static -O2 -Wall -ffile-prefix-map="$PWD=." -Wl,--build-id=none -Wl,-z,noseparate-code -s -o kept kept.c
gzip -9 -n -f kept
