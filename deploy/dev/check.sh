# shellcheck shell=bash disable=SC2153,SC2034
# ./dev check: every test of the tree, in instances and folders of its own, with one sum at the end.

PASSED=0
FAILED=0
SKIPPED=0

check_head()
{
    printf '\n== %s (after %d s)\n' "$*" "$SECONDS"
}

# check_one NAME COMMAND...: a command that is a test by itself.
check_one()
{
    local name=$1 output

    shift
    if output=$("$@" 2>&1); then
        PASSED=$((PASSED + 1))
        echo "ok   $name"
    else
        FAILED=$((FAILED + 1))
        printf 'FAIL %s\n%s\n' "$name" "$output" | check_failure
    fi
}

# What failed and why, from standard input: said at once, and again at the end, where the last lines
# of a long log tell it all.
check_failure()
{
    tee -a "$CHECK_TMP/failures"
}

# The part of a runner's log that says why its tests failed: node:test repeats them after its counts.
check_reasons()
{
    local reasons

    reasons=$(sed -n '/^✖ failing tests:/,$p; /^not ok /p; /^ *# *FAIL/p' "$1" | head -n 80)
    printf '\n-- %s\n%s\n' "$2" "${reasons:-$(tail -n 30 "$1")}" >>"$CHECK_TMP/failures"
}

# Unit and style tests of a build variant: make check, counted from automake's .trs files.
check_unit()
{
    local variant=$1 folder result=0 trs outcome seen=0

    check_head "unit tests${variant:+, $variant}"
    build_tree "$variant"
    build_folder "$variant"
    folder=$REPLY
    find "$folder" -name '*.trs' -delete
    # What measures PostgreSQL alone does so at length in one variant.
    PARLEY_BRIEF=$variant make -C "$folder" -k -j"$(nproc)" check >"$folder/check.log" 2>&1 \
        </dev/null || result=$?
    while read -r trs; do
        outcome=$(sed -n 's/^:global-test-result: //p' "$trs")
        seen=1
        case $outcome in
        PASS | XFAIL) PASSED=$((PASSED + 1)) ;;
        SKIP) SKIPPED=$((SKIPPED + 1)) ;;
        *)
            FAILED=$((FAILED + 1))
            { echo "FAIL ${trs#"$folder"/}" && tail -n 60 "${trs%.trs}.log"; } | check_failure
            result=0
            ;;
        esac
    done < <(find "$folder" -name '*.trs' | sort)
    [ "$seen" -eq 1 ] || result=1
    # make failed and no test did: something does not build.
    if [ "$result" -ne 0 ]; then
        FAILED=$((FAILED + 1))
        { echo "FAIL make check in $folder" && tail -n 40 "$folder/check.log"; } | check_failure
    fi
}

# check_runner TITLE COMMAND...: a test runner that prints how many passed, either as node:test does
# or with a last line "N passed, N failed[, N skipped]".
check_runner()
{
    local log=$CHECK_TMP/log result=0 failed=$FAILED title=$1

    check_head "$title"
    shift
    timeout --kill-after=30 1200 "$@" </dev/null 2>&1 | tee "$log" || result=$?
    check_count "$log" || result=1
    if [ "$result" -ne 0 ] && [ "$FAILED" -eq "$failed" ]; then
        FAILED=$((FAILED + 1))
        echo "FAIL it ended with $result: $*" | tee -a "$log"
    fi
    [ "$FAILED" -eq "$failed" ] || check_reasons "$log" "$title"
}

# Add the counts in a runner's output; fail if there are none.
check_count()
{
    local name value last

    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
        PASSED=$((PASSED + BASH_REMATCH[1]))
        FAILED=$((FAILED + BASH_REMATCH[2]))
        SKIPPED=$((SKIPPED + ${BASH_REMATCH[4]:-0}))
        return
    fi
    while read -r name value; do
        case $name in
        pass) PASSED=$((PASSED + value)) ;;
        fail | cancelled) FAILED=$((FAILED + value)) ;;
        skipped | todo) SKIPPED=$((SKIPPED + value)) ;;
        esac
    done < <(sed -nE 's/^(#|ℹ) (pass|fail|cancelled|skipped|todo) ([0-9]+)$/\2 \3/p' "$1" | tail -n 5)
    grep -qE '^(#|ℹ) pass [0-9]+$' "$1"
}

check_node()
{
    local title=$1

    shift
    check_runner "$title" node --test --test-reporter=spec "$@"
}

# All instances of this run keep their data under CHECK_TMP; end what a test has left, and say so.
check_leftovers()
{
    local services process left=0

    while read -r services; do
        instance_select "${services%/run/services}"
        ! supervisor_lives && ! instance_has_leftovers || left=1
        echo "an instance on $DATA"
        instance_stop
    done < <(find "$CHECK_TMP" -path '*/run/services')
    for process in /proc/[0-9]*; do
        [[ $(readlink "$process/cwd") == "$CHECK_TMP"/* ]] || continue
        left=1
        echo "process ${process#/proc/}: $(tr '\0' ' ' <"$process/cmdline")"
        kill -KILL "${process#/proc/}" || true
    done
    return "$left"
}

check_end()
{
    trap '' INT TERM HUP
    check_leftovers || true
    # A test that was interrupted may have left a disk to fill.
    grep -o " $CHECK_TMP/[^ ]*" /proc/mounts | xargs -r umount || true
    [ -n "${PARLEY_KEEP:-}" ] || rm -rf "$CHECK_TMP"
}

check_setup()
{
    local lock

    packages_ensure "$LIB/packages.txt" "$LIB/packages-test.txt" "$LIB/packages-tools.txt"
    while read -r lock; do
        npm_ensure "${lock%/package-lock.json}"
    done < <(find "$ROOT/web" "$ROOT/tests" \( -name node_modules -o -path '*/bench/peers' \) \
        -prune -o -name package-lock.json -print)
    CHECK_TMP=$(mktemp -d /tmp/parley-check-XXXXXX)
    chmod 711 "$CHECK_TMP"
    trap check_end EXIT
    trap 'exit 130' INT TERM HUP
    export TMPDIR=$CHECK_TMP
    build_tree ''
    build_web "$ROOT/build/web"
}

check_shell()
{
    check_head "scripts"
    check_one "shellcheck" shellcheck -x "$ROOT/dev" "$ROOT/.ci/run" "$LIB"/*.sh "$ROOT"/deploy/setup/*.in
    check_one "shellcheck, the benchmarks' peers" \
        shellcheck -x "$ROOT"/tests/bench/peers/*/prepare "$ROOT"/tests/bench/peers/*/run
    check_one "clang-format" format_main --check
}

# What can be found without running anything. scan-build has the same analyser as clang-tidy's
# clang-analyzer-*, so it is left to `./dev analyse`.
check_analyses()
{
    local name

    check_head "static analysis"
    for name in cppcheck gcc clang-tidy; do
        check_one "$name" "analyse_$name"
    done
}

# The system's own tests. Those against hostile input also run on a build that notices every slip.
check_system()
{
    local runner=$ROOT/tests/integration/run.mjs conformance=$ROOT/tests/conformance/run.sh

    check_runner "Socket.IO conformance" "$conformance" fast --test-reporter=spec
    check_node "documents" "$ROOT"/tests/documents/*.test.mjs
    check_node "the dev command" "$ROOT"/tests/dev/*.test.mjs
    check_node "packages" "$ROOT"/tests/packages/*.test.mjs
    check_runner "integration tests" node "$runner" --spec
    check_node "browser tests" "$ROOT"/tests/browser/*.test.mjs
    check_node "fault tests" --test-concurrency=2 "$ROOT"/tests/faults/*.test.mjs
    check_node "benchmarks" "$ROOT"/tests/bench/*.test.mjs "$ROOT"/tests/bench/lib/*.test.mjs
    check_node "soak" "$ROOT"/tests/bench/soak/*.test.mjs
    export ASAN_OPTIONS="log_path=$CHECK_TMP/sanitizer:handle_abort=1"
    export UBSAN_OPTIONS="log_path=$CHECK_TMP/sanitizer:print_stacktrace=1"
    export PARLEY_ECHO_SERVER=$ROOT/build-asan/tests/conformance/echo-server
    check_runner "Socket.IO conformance, asan" "$conformance" fast --test-reporter=spec
    export PARLEY_VARIANT=asan
    check_runner "integration tests, asan" node "$runner" --spec badinput gateway threats
    unset PARLEY_VARIANT PARLEY_ECHO_SERVER
    check_threads
}

# Threads against each other, under load and faults, watched. A kernel with more address
# randomisation than ThreadSanitizer's runtime can live with refuses to run it.
check_threads()
{
    export TSAN_OPTIONS="log_path=$CHECK_TMP/sanitizer:suppressions=$ROOT/tests/faults/tsan.supp"
    if "$ROOT/build-tsan/parleyctl" --help >/dev/null 2>&1; then
        check_runner "fault tests, tsan" env PARLEY_VARIANT=tsan \
            node --test --test-reporter=spec --test-concurrency=1 \
            "$ROOT"/tests/faults/{order,recovery,nonce}.test.mjs
    else
        check_head "fault tests, tsan"
        SKIPPED=$((SKIPPED + 1))
        echo "skip ThreadSanitizer does not run here"
    fi
}

# Nothing that a sanitizer had to say, in any process of any test.
check_reports()
{
    ! cat "$CHECK_TMP"/sanitizer.* 2>/dev/null
}

check_main()
{
    [ $# -eq 0 ] || die "check: takes no arguments"
    check_setup
    check_shell
    check_analyses
    check_unit ''
    check_unit asan
    check_unit tsan
    check_system
    check_one "no sanitizer report" check_reports
    check_one "no test left a process behind" check_leftovers
    if [ -s "$CHECK_TMP/failures" ]; then
        check_head "what failed"
        cat "$CHECK_TMP/failures"
    fi
    printf '\n%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
    [ "$FAILED" -eq 0 ]
}
