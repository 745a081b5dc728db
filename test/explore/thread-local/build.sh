#!/bin/sh
# Rebuilds the objects of this folder: gcc for x86-64 (they were built by gcc 12.2 of Debian 12).
set -eu
cd "$(dirname "$0")"
compile() {
  to=$1
  shift
  gcc -O2 -g1 -Wall -Wextra -c -I ../../../include -ffile-prefix-map="$PWD=." "$@" -o "$to.o"
}
compile variables variables.c
compile by-call variables.c -fPIC
echo 'extern __thread int elsewhere; int get(void) { return elsewhere; }' | compile undefined -x c -
