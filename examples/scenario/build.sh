#!/bin/sh
# Rebuilds the objects of this example: gcc for x86-64. lost.o has no store to rseq_cs.
set -e
cd "$(dirname "$0")"
flags="-O2 -Wall -Wextra -c -I ../../include -ffile-prefix-map=$PWD/="
gcc $flags counter.c -o counter.o
gcc $flags -DLOST counter.c -o lost.o
