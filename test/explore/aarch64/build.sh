#!/bin/sh
# Rebuilds the objects of this folder, each for both architectures: gcc and aarch64-linux-gnu-gcc (they were built by 12.2 of Debian 12).
set -eu
cd "$(dirname "$0")"
compile() {
  to=$1
  from=$2
  shift 2
  for arch in x86-64 aarch64; do
    case $arch in
    x86-64) gcc=gcc ;;
    aarch64) gcc='aarch64-linux-gnu-gcc -march=armv8-a -mno-outline-atomics' ;;
    esac
    $gcc -O2 -g1 -Wall -Wextra -c -I ../../../include -ffile-prefix-map="$PWD/=" -ffile-prefix-map="$PWD=." "$@" -o "$to-$arch.o" "$from.c"
    gzip -9nf "$to-$arch.o"
  done
}
compile scenarios scenarios
compile late scenarios -DLATE
compile wide scenarios -DWIDE
compile annotated annotated
compile annotated-early annotated -DEARLY
compile annotated-bare annotated -DBARE
# With the atomic instructions of Armv8.1 (LSE).
aarch64-linux-gnu-gcc -march=armv8.1-a -O2 -g1 -Wall -Wextra -c -I ../../../include -ffile-prefix-map="$PWD/=" -ffile-prefix-map="$PWD=." -o lse-aarch64.o scenarios.c
gzip -9nf lse-aarch64.o
