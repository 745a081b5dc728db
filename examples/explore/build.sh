#!/bin/sh
# Rebuilds the objects of this folder: gcc for x86-64 (they were built by gcc 12.2 of Debian 12). They are shipped so that the examples need none.
set -eu
cd "$(dirname "$0")"
compile() {
  to=$1
  from=$2
  shift 2
  gcc -O2 -g1 -Wall -Wextra -c -I ../../include -ffile-prefix-map="$PWD/=" -ffile-prefix-map="$PWD=." "$@" -o "$to.o" "$from.c"
}
for name in counter counter-bug slab cancel annotate cached-cpu; do
  compile $name $name -DLINES
done
for name in counters list buffer copies lock signal; do
  compile $name $name
done
# The same with a mistake: what it is stands in the source.
compile list-bug list -DABA
compile lock-bug lock -DHANDLER
compile slab-one-fence slab -DLINES -DFENCES=1
compile slab-no-fence slab -DLINES -DFENCES=0
compile annotated annotated -DLINES
compile annotated-bug annotated -DLINES -DEARLY
compile signal-bug signal -DBARE
for name in cancel annotate; do
  compile $name-bug $name -DLINES -DBARE
done
