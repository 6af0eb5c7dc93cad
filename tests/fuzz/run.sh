#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One fuzzer for some seconds, from its seeds and what earlier runs found. Usage: run.sh FUZZER SECONDS.
# A crash's input is left beside the fuzzer: make it a unit test.
set -eu
name=$(basename "$1")
corpus=$(dirname "$1")/corpus-${name#fuzz_}
mkdir -p "$corpus"
log=$corpus.log
"$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$1-" \
	"$corpus" "$(dirname "$0")/seeds/${name#fuzz_}" >"$log" 2>&1 || { tail -40 "$log"; exit 1; }
echo "$name: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs, no fault"
