#!/bin/bash
# The programs as built are hardened as configure.ac says: position independent, with read-only
# relocations bound at start, no executable stack, guarded frames and checked copies. A build with
# sanitizers has its own ways; one without optimisation no checked copies. (Not -fcf-protection: the
# C library's start files on Debian 12 are without it, so no program would be marked as checked.)
set -euo pipefail

programs=(parley-broker parley-fcgi parleyctl parley-supervise parley-devices.so)
failed=0

# wants PROGRAM WHAT TEXT PATTERN
wants()
{
    grep -Eq "$4" <<<"$3" && return
    echo "$1: $2"
    failed=1
}

symbols=$(readelf -Ws "${programs[0]}")
if grep -Eq '__(asan|tsan)_init|__gcov_init' <<<"$symbols"; then
    echo "a build for tests only"
    exit 77
fi
for program in "${programs[@]}"; do
    headers=$(readelf -Whld "$program")
    symbols=$(readelf -W --dyn-syms "$program")
    wants "$program" "not position independent" "$headers" '^ *Type: +DYN'
    wants "$program" "no read-only relocations" "$headers" '^ *GNU_RELRO '
    wants "$program" "symbols bound late" "$headers" '\(FLAGS(_1)?\).*NOW'
    wants "$program" "an executable stack" "$headers" '^ *GNU_STACK .* RW '
    wants "$program" "frames without guard" "$symbols" ' __stack_chk_fail(@|$)'
    if ! grep -q "^CFLAGS =.* -O0" Makefile; then
        wants "$program" "copies without check" "$symbols" ' __[a-z]+_chk(@|$)'
    fi
done
exit "$failed"
