#!/bin/sh
# Makes the programs from their sources (gcc for x86-64, glibc's static library, musl-gcc; and aarch64-linux-gnu-gcc with glibc's, if it is there) and packs them:
#   build.sh [FOLDER]     elsewhere, not packed
# MUSL_AARCH64=FOLDER: musl for AArch64, with include/ and lib/ (Debian: what is below usr/ of the packages musl and musl-dev for arm64, but lib/aarch64-linux-musl).
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
made="glibc musl"
arm64=aarch64-linux-gnu-gcc
if command -v $arm64 >/dev/null; then
  flags="$flags -march=armv8-a -Wl,-z,max-page-size=4096"
  $arm64 $flags -static-pie -o "$to/glibc-aarch64" *.c -lm
  made="$made glibc-aarch64"
  if [ -n "${MUSL_AARCH64:-}" ]; then
    lib=$MUSL_AARCH64/lib
    $arm64 $flags -static -nostdinc -isystem "$MUSL_AARCH64/include" -isystem "$($arm64 -print-file-name=include)" -idirafter /usr/aarch64-linux-gnu/include -nostdlib \
      -o "$to/musl-aarch64" "$lib/crt1.o" "$lib/crti.o" *.c -L"$lib" -Wl,--start-group -lc -lm -lgcc -lgcc_eh -Wl,--end-group "$lib/crtn.o"
    made="$made musl-aarch64"
  fi
fi
[ $# -gt 0 ] || gzip -9nf $made
