#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh - run the fuzzers with libFuzzer; what `make fuzz` calls.
#
#	fuzz.sh SRCDIR FOLDER FUZZER...		FUZZER as tests/fuzz_header
#
# Builds them in FOLDER/build with clang and sanitizers and runs each for
# FUZZ_SECONDS (default 60), as many at once as there are cores.  What a run
# learns stays in FOLDER/corpus for the next one; inputs that break something
# go to FOLDER/found, and then the status is 1.  Such an input becomes a seed
# in tests/corpus and a row in the parser's test.
set -u
src=$(cd "$1" && pwd)
mkdir -p "$2" && folder=$(cd "$2" && pwd) || exit 1
shift 2
export FUZZ_SECONDS=${FUZZ_SECONDS:-60} src folder

command -v clang >/dev/null || {
	echo "make fuzz needs clang and libclang-rt-14-dev" >&2
	exit 1
}
mkdir -p "$folder/build" "$folder/corpus" "$folder/found" "$folder/log"
cd "$folder/build" || exit 1
if [ ! -f Makefile ] &&
    ! "$src/configure" -q CC=clang CFLAGS="-g -O1" --enable-fuzzing \
	--enable-sanitizers >"$folder/log/configure" 2>&1; then
	tail -n 20 "$folder/log/configure"
	exit 1
fi
make -s -j"$(nproc)" "$@" >"$folder/log/make" 2>&1 || {
	tail -n 40 "$folder/log/make"
	exit 1
}

run_one() {
	name=${1##*/fuzz_}
	mkdir -p "$folder/corpus/$name"
	if "$folder/build/$1" -max_total_time="$FUZZ_SECONDS" -timeout=10 \
	    -rss_limit_mb=2048 -artifact_prefix="$folder/found/$name-" \
	    "$folder/corpus/$name" "$src/tests/corpus/$name" \
	    >"$folder/log/$name" 2>&1; then
		echo "ok   $name: $(grep -c . <(ls "$folder/corpus/$name")) inputs," \
		    "$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$folder/log/$name") runs"
	else
		echo "FAIL $name: see $folder/log/$name"
		tail -n 30 "$folder/log/$name"
		return 1
	fi
}
export -f run_one
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'run_one {}' || exit 1
