#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The rules a compiler does not know. Usage: tests/lint.sh BUILD. Prints each offence; exits 1.
set -u
cd "$(dirname "$0")/.."
found=$(mktemp)
trap 'rm -f "$found"' EXIT
complain() { # complain WHAT, offences on standard input
	offences=$(cat)
	[ -z "$offences" ] || printf '%s:\n%s\n' "$1" "$offences" | tee -a "$found"
}

grep -nE '\b(printf|puts|putchar) *\(|\bstdout\b' src/*.c src/*/*.c src/*/*.h |
	grep -vE '^src/view/|^src/files.c:.*return stdout;' |
	complain "only src/view/ writes to standard output"
grep -nE '#include <(bpf|time|sys/time|stdio_ext)[/.]|clock_gettime|\btime\(|\bfopen\(|\bopen\(|\bread\(' \
	src/model/*.[ch] src/diagnose/*.[ch] | complain "model and diagnose include no libbpf, read no clock, do no I/O"
grep -nE '\b(strcpy|strcat|sprintf|strtok|gets)\(' src/*.c src/*/*.c tests/tools/*.c |
	complain "banned: no bounds"
grep -nE 'KERNEL_VERSION' bpf/* vmlinux/* src/*/*.[ch] |
	complain "kernels differ by the fields they have, never by their version"
grep -LE 'SPDX-License-Identifier' $(git ls-files 'src/*.[ch]' 'docs/*.[ch]' 'bpf/*' 'include/*' 'vmlinux/*' 'tests/*.[ch]' \
	'tests/*.py' 'tests/*.sh' 2>/dev/null) /dev/null | grep -v /dev/null | complain "no SPDX line"
clang-format --dry-run -Werror $(ls src/*.[ch] src/*/*.[ch] docs/*.[ch] 2>/dev/null) 2>&1 | grep -E 'error:' | head -20 |
	complain "clang-format -i would change"
cppcheck --quiet -j"$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=0 \
	--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --include=tests/cppcheck.h \
	-Iinclude -Isrc -I"$1" src docs tests/tools 2>&1 | complain "cppcheck"
[ ! -s "$found" ] || exit 1
echo "lint: clean"
