#!/bin/sh
# Rebuilds programs.o.gz with gcc for x86-64 (it was built by gcc 12.2 of Debian 12), so that the tests need none.
set -eu
cd "$(dirname "$0")"
gcc -O2 -fno-jump-tables -Wall -Wextra -c -I ../../../include -o programs.o programs.c
gzip -9nf programs.o
