#!/bin/sh
# Makes the program (gcc for x86-64: static, without a C library) and, on Linux 6.18 as root, what each of its parts prints there.
#   build.sh           the program, and tasks-aarch64 with the parts that are no machine's (aarch64-linux-gnu-gcc, if it is there)
#   build.sh expect    and parts/*.out; parts-aarch64/*.out are what other parts print on an arm64 kernel (Debian's 6.12.111, in an emulated machine)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
gcc -Os -mgeneral-regs-only -ffreestanding -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -nostdlib -static \
  -Wall -Wno-unused -Wno-int-conversion -Wno-sequence-point -Wno-parentheses -Wno-array-bounds -fno-builtin -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack -s -o "$here/tasks" "$here"/*.c
ARM64=${ARM64:-aarch64-linux-gnu-gcc}
if command -v "$ARM64" >/dev/null; then
  cd "$here"
  "$ARM64" -Os -mgeneral-regs-only -mno-outline-atomics -mbranch-protection=none -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -nostdlib -static \
    -Wall -Wno-unused -Wno-int-conversion -Wno-sequence-point -Wno-parentheses -Wno-array-bounds -fno-builtin -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,noexecstack \
    -Wl,-z,max-page-size=4096 -s -o tasks-aarch64 clones.c futexes.c main.c restarts.c signals.c timers.c waits.c
fi
[ "${1:-}" = expect ] || exit 0
mkdir -p "$here/parts"
for part in $("$here/tasks"); do
  (cd "$here" && timeout 60 ./tasks "$part") >"$here/parts/$part.out" || echo "$part: status $?" >&2
done
