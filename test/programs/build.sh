#!/bin/sh
# Makes the programs from their sources (gcc for x86-64, glibc's static library, musl-gcc) and packs them:
#   build.sh [FOLDER]     elsewhere, not packed
# What is shipped was built by Debian 12: gcc 12.2.0, glibc 2.36, musl 1.2.3.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${1:-$here}
cd "$here"
# section numbers and the like stay the same whatever the folder's name is
flags="-O2 -std=gnu11 -Wall -Wextra -Wno-format-truncation -Wno-infinite-recursion -Wno-array-bounds -ffile-prefix-map=$here=. -Wl,--build-id=none -s"
headers=$(mktemp -d)
trap 'rm -r "$headers"' EXIT
for name in linux asm-generic; do ln -s /usr/include/$name "$headers/$name"; done
ln -s "/usr/include/$(gcc -print-multiarch)/asm" "$headers/asm"

gcc $flags -static-pie -o "$to/glibc" *.c -lm
musl-gcc $flags -static -idirafter "$headers" -o "$to/musl" *.c -lm
[ $# -gt 0 ] || gzip -9nf glibc musl
