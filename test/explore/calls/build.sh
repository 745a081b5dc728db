#!/bin/sh
# Rebuilds the objects of this folder: gcc for x86-64 (they were built by gcc 12.2 of Debian 12).
set -eu
cd "$(dirname "$0")"
root=../../..
for name in calls lost; do
  gcc -O2 -g1 -Wall -Wextra -c -I $root/include -I $root/examples/explore -ffile-prefix-map="$PWD=." $([ $name = lost ] && echo -DLOST) -o $name.o calls.c
done
