#!/bin/sh
# Makes `slabs-old` and `slabs-new` from slabs.s (binutils for x86-64).
set -eu
cd "$(dirname "$0")"
make() {
  as --64 -o slabs.o "$2" "$3" slabs.s
  ld -static -s -z noseparate-code --build-id=none -o "$1" slabs.o
  rm slabs.o
}
make slabs-old --defsym WRITES=1
make slabs-new --defsym LEAVES=1
