#!/bin/sh
# Rebuilds `counters`: static, by musl-gcc for x86-64 (Debian: musl-tools); and the objects of the scenarios. They are shipped so that the examples need no compiler.
set -eu
cd "$(dirname "$0")"
musl-gcc -static -O2 -g1 -Wall -ffile-prefix-map="$PWD=." -Wl,--build-id=none -Wl,-z,noseparate-code -o counters counters.c

# Without a C library: gcc.
gcc -O1 -g1 -Wall -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-pie -no-pie -static -fno-builtin -nostdlib \
  -ffile-prefix-map="$PWD=." -Wl,--build-id=none -Wl,-z,noseparate-code -o two two.c

# The scenarios: gcc for x86-64 (they were built by gcc 12.2 of Debian 12).
compile() {
  to=$1
  from=$2
  shift 2
  gcc -O2 -g1 -Wall -Wextra -c -I ../../include -ffile-prefix-map="$PWD/../explore/=" -ffile-prefix-map="$PWD/=" -ffile-prefix-map="$PWD=." -DLINES "$@" -o "$to.o" "$from.c"
}
compile freeze freeze
compile thaw thaw
# The same with a mistake: what it is stands in the source.
for mistake in KEEP LATE STALE; do
  compile freeze-$(echo $mistake | tr A-Z a-z) freeze -D$mistake
done
for mistake in ACTIVE AFTER FLAGS; do
  compile thaw-$(echo $mistake | tr A-Z a-z) thaw -D$mistake
done
