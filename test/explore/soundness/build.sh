#!/bin/sh
# Assembles the cases into the objects that the tests read. Needs GNU as and gzip.
set -eu
cd "$(dirname "$0")/cases"
mkdir -p objects
for source in *.s; do
	as -o "objects/${source%.s}.o" "$source"
	gzip -9nf "objects/${source%.s}.o"
done
