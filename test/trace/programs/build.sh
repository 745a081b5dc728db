#!/bin/sh
# Makes the programs (gcc for x86-64): static, without a C library.
set -eu
cd "$(dirname "$0")"
for name in abuser family later many; do
  gcc -O1 -g1 -gdwarf-4 -mgeneral-regs-only -fno-stack-protector -fno-builtin -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-pie -no-pie -static -nostdlib -ffile-prefix-map="$PWD"=. -Wl,--build-id=none -Wl,-z,noseparate-code -o "$name" "$name.c"
done
# As gcc links by itself: code has a segment of its own, and is not where the file begins.
gcc -O1 -g1 -gdwarf-4 -mgeneral-regs-only -fno-stack-protector -fno-builtin -fcf-protection=none -fno-asynchronous-unwind-tables \
  -fno-pie -no-pie -static -nostdlib -ffile-prefix-map="$PWD"=. -Wl,--build-id=none -Wl,-z,separate-code -o separate ../../../bench/live/storm.c
