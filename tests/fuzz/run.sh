#!/bin/sh
# Runs every fuzzer (or those named) for a time each, on the corpus in the tree plus a working
# corpus in the build folder. Used by ./dev fuzz.
#   tests/fuzz/run.sh BUILD_DIR SECONDS [NAME]...
# BUILD_DIR was configured with CC=clang-14 --enable-fuzz. Ends with the first finding's status.
set -eu
build=$1
seconds=$2
shift 2
tree=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || set -- $(ls "$tree/corpus")
for name in "$@"; do
    mkdir -p "$build/fuzz/$name"
    log=$build/fuzz/$name.log
    if ! nice "$build/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -max_len=2000 \
        -timeout=10 -artifact_prefix="$build/fuzz/$name-" \
        "$build/fuzz/$name" "$tree/corpus/$name" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "$name: a finding; the input is $build/fuzz/$name-*" >&2
        exit 1
    fi
    echo "$name: $(tail -n 1 "$log")"
done
