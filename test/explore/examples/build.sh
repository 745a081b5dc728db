#!/bin/sh
# Rebuilds objects/: gcc for x86-64 (they were built by gcc 12.2 of Debian 12), so that the tests need none. Run it after changing a source, and
# build.sh of examples/explore and examples/checkpoint with it.
set -eu
cd "$(dirname "$0")"
top=$(cd ../../.. && pwd)
compile() {
  to=$1
  from=$2
  shift 2
  gcc -O2 -g1 -Wall -Wextra -c -I "$top/include" -I "$top/examples/explore" -ffile-prefix-map="$top/=" -ffile-prefix-map="$PWD=." "$@" -o "objects/$to.o" "$from"
  gzip -9nf "objects/$to.o"
}
rm -rf objects
mkdir objects
for source in broken/*.c; do
  name=$(basename "$source" .c)
  compile "$name" "$source"
  compile "$name-mended" "$source" -DMENDED
done
compile litmus litmus.c
compile stopped stopped.c
for name in counter counters list buffer copies lock slab signal; do
  compile "$name-cid" "$top/examples/explore/$name.c" -DBY_MM_CID
done
(cd "$top" && sha256sum include/rseqlab.h examples/explore/*.[ch] examples/checkpoint/freeze.c examples/checkpoint/thaw.c test/explore/examples/broken/*.[ch] test/explore/examples/litmus.c test/explore/examples/stopped.c) >objects/sources.txt
