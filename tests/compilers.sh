#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every C file with every compiler that is here, warnings as errors, and the BPF programs with every
# clang. Usage: tests/compilers.sh BUILD. FOR_C and FOR_BPF are the Makefile's.
set -eu
build=$1
tried=0
eval "set -- $FOR_C" # as a shell reads them: one has quotes
for compiler in gcc gcc-11 gcc-12 gcc-13 gcc-14 clang-14 clang-15 clang-16 clang-17 clang-18 clang-19; do
	command -v "$compiler" >/dev/null || continue
	for file in src/*.c src/*/*.c; do
		"$compiler" "$@" -c "$file" -o "$build/compiled.o"
	done
	case $compiler in
	clang-*)
		for file in bpf/*.bpf.c; do
			"$compiler" $FOR_BPF -c "$file" -o "$build/compiled.o"
		done
		what="src/ and bpf/"
		;;
	*) what="src/" ;;
	esac
	rm -f "$build/compiled.o"
	tried=$((tried + 1))
	echo "compilers: $("$compiler" --version | head -1): $what without a warning"
done
[ "$tried" -gt 0 ]
