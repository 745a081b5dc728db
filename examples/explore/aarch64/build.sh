#!/bin/sh
# Rebuilds the objects of this folder: gcc for AArch64 (they were built by gcc 12.2 of Debian 12). They are shipped so that the examples need none.
set -eu
cd "$(dirname "$0")"
for name in counter counter-bug; do
  aarch64-linux-gnu-gcc -O2 -g1 -Wall -Wextra -march=armv8-a -mno-outline-atomics -c -I ../../../include -DLINES \
    -ffile-prefix-map="$PWD/=" -ffile-prefix-map="$PWD=." -o "$name.o" "$name.c"
done
