#!/bin/sh
# Builds the objects that bench/explore-code.js explores: N-K-S.o.gz.
set -e
cd "$(dirname "$0")"
for each in "4 2 1" "3 3 1" "4 3 1"; do
  set -- $each
  gcc -O2 -fcf-protection=none -c -I ../../include -I ../../examples/explore -DN=$1 -DK=$2 -DS=$3 counter.c -o "$1-$2-$3.o"
  gzip -9nf "$1-$2-$3.o"
done
