#!/bin/sh
# Rebuilds `counters`: static, by musl-gcc for x86-64 (Debian: musl-tools). It is shipped so that the example needs no compiler.
set -eu
cd "$(dirname "$0")"
musl-gcc -static -O2 -g1 -Wall -ffile-prefix-map="$PWD=." -Wl,--build-id=none -Wl,-z,noseparate-code -o counters counters.c
