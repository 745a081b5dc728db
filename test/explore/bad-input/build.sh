#!/bin/sh
# Rebuilds the objects of this folder: gcc for x86-64 (they were built by gcc 12.2 of Debian 12).
set -eu
cd "$(dirname "$0")"
compile() {
  gcc -O2 -g1 -Wall -Wextra -c -I ../../../include -ffile-prefix-map="$PWD=." -x c -o "$1.o" "${2--}"
}
compile bad bad.c
for name in one two three four five six seven eight nine ten; do
  echo "int $name(int); int use_$name(void) { return $name(1); }"
done | compile undefined
printf '#include <rseqlab.h>\nRSEQLAB_SCENARIO(idle, "a claim")\nRSEQLAB_FINALLY(idle) { }\n' | compile no-task
printf 'static volatile int n;\n__attribute__((constructor)) static void early(void) { n = 1; }\nvoid run(void) { }\n' | compile constructor
