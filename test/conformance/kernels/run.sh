#!/bin/sh
# Runs the rows on another kernel, in an emulated machine: run.sh VMLINUZ OUT [PARAMETER...]. Prints what `measure.js` makes ../measured.json of.
# Needs cpio, gcc with a static C library (aarch64-linux-gnu-gcc with ARCH=aarch64), and qemu-system-x86_64 or qemu-system-aarch64. Kernels come from
# a distribution's archive: of Debian's packages linux-binary-VERSION-cloud-amd64 or -arm64 (apt-get download, dpkg -x).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 out=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
case ${ARCH:-x86_64} in
x86_64)
  compiler=gcc rows=rows console=ttyS0
  machine="qemu-system-x86_64 -M q35 -cpu max" ;;
aarch64)
  compiler=aarch64-linux-gnu-gcc rows=rows-aarch64 console=ttyAMA0
  machine="qemu-system-aarch64 -M virt -cpu cortex-a72" ;;
esac
$compiler -static -O2 -o "$work/root/init" "$here/init.c"
cp "$here/../$rows" "$work/root/rows"
(cd "$work/root" && find . | cpio -o -H newc 2>/dev/null) | gzip >"$work/initrd.gz"
timeout 600 $machine -accel tcg -smp 2 -m 1024 -nodefaults -nographic -serial "file:$out" -no-reboot \
  -kernel "$kernel" -initrd "$work/initrd.gz" -append "console=$console quiet panic=-1 $*"
