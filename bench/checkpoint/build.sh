#!/bin/sh
# Makes heap from heap.c (gcc for x86-64): static, without a C library.
set -eu
cd "$(dirname "$0")"
gcc -O1 -g1 -gdwarf-4 -mgeneral-regs-only -fno-stack-protector -fno-builtin -fcf-protection=none -fno-asynchronous-unwind-tables \
  -fno-pie -no-pie -static -nostdlib -ffile-prefix-map="$PWD"=. -Wl,--build-id=none -Wl,-z,noseparate-code -o heap heap.c
