#!/bin/bash
# Assembles the corpus. The results are committed, so the tests need no assembler; run this after changing a source:
#   test/corpus/build.sh
# Needs GNU binutils for x86-64 (as, ld, ar, strip) and aarch64-linux-gnu-as and -ld (Debian: binutils-aarch64-linux-gnu;
# objects alone: llvm-mc, by AARCH64_AS="llvm-mc -triple=aarch64 -filetype=obj"). Made with binutils 2.40; the same
# version gives the same bytes: file names are relative and the directory in the DWARF is mapped to ".".
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
X86_AS=${X86_AS:-as --64}
AARCH64_AS=${AARCH64_AS:-aarch64-linux-gnu-as}
AARCH64_LD=${AARCH64_LD:-aarch64-linux-gnu-ld}

map=--debug-prefix-map="$PWD=."
case $AARCH64_AS in *llvm-mc*) a64map=-fdebug-compilation-dir=. ;; *) a64map=$map ;; esac

# assemble SOURCE OBJECT
assemble() {
  mkdir -p "$(dirname "$2")"
  if grep -qE '^(#|//) arch: aarch64' "$1" || [[ $1 == *a64* ]]; then
    $AARCH64_AS -g "$a64map" -o "$2" "$1"
  else
    $X86_AS -g "$map" -o "$2" "$1"
  fi
}

rm -rf build
mkdir -p build
{
  echo '{'
  separator=
  for source in */*.s; do
    [[ $source == linked/* ]] && continue
    object=build/${source%.s}.o
    assemble "$source" "$object"
    sum=$(sha256sum "$source")
    printf '%s  "%s": { "object": "%s", "sha256": "%s" }' "$separator" "$source" "$object" "${sum%% *}"
    separator=$',\n'
  done
  printf '\n}\n'
} >build/manifest.json

# --- linked fixtures: what each must yield stands beside it in NAME.expect
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
assemble linked/start.s "$work/start.o"
assemble linked/start-a64.s "$work/start-a64.o"
small='-z noseparate-code --build-id=none'

ld $small -static -o linked/static-executable "$work/start.o" build/correct/increment.o
ld $small -pie -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o linked/pie "$work/start.o" build/commit-not-last/bad-1.o
ld $small -shared -o linked/unloadable.so build/correct/increment.o
ld $small -shared -z nodelete -o linked/nodelete.so build/correct/increment.o
ld $small -shared -o linked/disarms.so build/correct/disarm-after.o
ld $small -static -s -o linked/stripped "$work/start.o" build/store-before-commit/bad-1.o
ld $small -static -o linked/no-section-headers "$work/start.o" build/arming-gap/bad-1.o
# e_shoff, then e_shentsize, e_shnum and e_shstrndx := 0 (ELF gABI, ELF header), as a packer leaves them
dd if=/dev/zero of=linked/no-section-headers bs=1 seek=40 count=8 conv=notrunc status=none
dd if=/dev/zero of=linked/no-section-headers bs=1 seek=58 count=6 conv=notrunc status=none
$AARCH64_LD $small -static -o linked/a64-executable "$work/start-a64.o" build/store-before-commit/bad-a64-1.o

for member in correct/increment no-cpu-check/bad-1 store-before-commit/bad-2; do
  cp "build/$member.o" "$work/${member//\//-}.o"
done
rm -f linked/archive.a
(cd "$work" && ar rcsD archive.a correct-increment.o no-cpu-check-bad-1.o store-before-commit-bad-2.o)
mv "$work/archive.a" linked/archive.a

echo "$(find build -name '*.o' | wc -l) objects, $(du -sb build | cut -f1) bytes; linked: $(ls linked | grep -cvE '\.(s|expect)$') files"
