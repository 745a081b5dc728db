#!/bin/sh
# Makes the program (gcc for x86-64: static, without a C library) and, on Linux 6.18 as root, what each of its parts prints there.
#   build.sh           the program
#   build.sh expect    and parts/*.out
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gcc -Os -mgeneral-regs-only -ffreestanding -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -nostdlib -static \
  -Wall -Wno-unused -Wno-int-conversion -Wno-sequence-point -Wno-parentheses -Wno-array-bounds -fno-builtin -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack -s -o "$here/tasks" "$here"/*.c
[ "${1:-}" = expect ] || exit 0
mkdir -p "$here/parts"
for part in $("$here/tasks"); do
  (cd "$here" && timeout 60 ./tasks "$part") >"$here/parts/$part.out" || echo "$part: status $?" >&2
done
