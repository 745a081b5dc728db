#!/bin/sh
# Makes the programs from counter.c (gcc for x86-64): static, without a C library, with line tables.
set -eu
cd "$(dirname "$0")"
make() {
  to=$1
  shift
  gcc -O1 -g1 -gdwarf-4 -mgeneral-regs-only -fno-stack-protector -fno-builtin -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-pie -no-pie -static -nostdlib -ffile-prefix-map="$PWD"=. -Wl,--build-id=none -Wl,-z,noseparate-code "$@" -o "$to" counter.c
}
make counter
make counter-gap -DGAP
make few -DFEW
make few-gap -DFEW -DGAP
