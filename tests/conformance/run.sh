#!/bin/sh
# Runs the protocol tests against build/tests/conformance/echo-server.
#   tests/conformance/run.sh [fast|full] [NODE TEST OPTION]...
# fast (default, for ./dev check): both protocols, RFC 6455, the differential test, the oldest and the
#   newest JavaScript client.
# full: every JavaScript client, and the Python, Java, Rust and Go ones; what cannot be installed says
#   so and is skipped.
# PARLEY_ECHO_SERVER names another echo server; CONFORMANCE_SERVER=reference tests the npm reference.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
profile=${1:-fast}
[ $# -eq 0 ] || shift
files="$here/eio.test.mjs $here/sio.test.mjs $here/http.test.mjs $here/rfc6455.test.mjs
    $here/compression.test.mjs $here/recovery.test.mjs $here/memory.test.mjs $here/differential.test.mjs $here/output.test.mjs $here/profile.test.mjs
    $here/interop.test.mjs"
case $profile in
fast) export INTEROP_VERSIONS="${INTEROP_VERSIONS:-3.1,4.8}" ;;
full) files="$files $here/foreign.test.mjs" ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
if [ "${CONFORMANCE_SERVER:-}" = reference ]; then
    # Comparing the reference with itself proves nothing.
    files=$(echo "$files" | sed "s#$here/differential.test.mjs##")
fi
[ -d "$here/../node_modules/socket.io-client-3.1" ] || (cd "$here/.." && npm ci >&2)
# Not wanted inside: node's own test runner would swallow the output of a nested one.
unset NODE_TEST_CONTEXT
# One file at a time: the heartbeat tests measure milliseconds.
exec node --test --test-concurrency=1 "$@" $files
