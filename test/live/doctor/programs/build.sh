#!/bin/sh
# Makes `slabs-old` and `slabs-new` from slabs.s, `uses-glibc.so` and `own-area.so` from library.s (binutils for x86-64).
set -eu
cd "$(dirname "$0")"
program() {
  as --64 -o made.o --defsym "$2=1" slabs.s
  ld -static -s -z noseparate-code --build-id=none -o "$1" made.o
}
library() {
  as --64 -o made.o --defsym "$2=1" library.s
  ld -shared -s -z noseparate-code --build-id=none -o "$1" made.o
}
program slabs-old WRITES
program slabs-new LEAVES
library uses-glibc.so GLIBC
library own-area.so OWN
rm made.o
