#!/bin/sh
# Makes code.ts from loop.c (gcc for x86-64): machine code without data or relocations, which begins with its one function.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
gcc -std=c11 -Os -fPIC -ffreestanding -nostdlib -mgeneral-regs-only -mno-red-zone -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
  -fno-tree-loop-distribute-patterns -Wall -Wextra -c -o "$folder/loop.o" loop.c
[ -z "$(objdump -r "$folder/loop.o" | grep R_X86 | grep -v R_X86_64_PC32)" ] || { echo 'loop.c: it is not code alone' >&2; exit 1; }
ld -T layout.ld --oformat binary -o "$folder/code" "$folder/loop.o"
{
  echo '/** Made by build.sh of loop.c: x86-64 machine code, to be mapped anywhere and called at its beginning. */'
  echo "export const SOURCE_SHA256 = '$(sha256sum loop.c | cut -d ' ' -f 1)';"
  echo "export const CODE ="
  echo "  '$(base64 -w 0 "$folder/code")';"
} > code.ts
