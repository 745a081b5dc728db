#!/bin/sh
# Rebuilds the objects from their sources; they are shipped so that the example needs no assembler.
set -eu
cd "$(dirname "$0")"
for name in counter counter-mended; do
  as --64 -g --debug-prefix-map "$PWD=." -o "$name.o" "$name.s"
done
