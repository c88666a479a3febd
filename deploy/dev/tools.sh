# shellcheck shell=bash disable=SC2153
# ./dev format, ./dev fuzz, ./dev faults, ./dev soak and ./dev bench.

# The C sources that are ours, with the arguments before them, to a command.
on_sources()
{
    (
        cd "$ROOT" || exit
        if [ -e .git ]; then
            git ls-files -z '*.c' '*.h'
        else
            find . \( -path './build*' -o -name node_modules \) -prune -o -name '*.[ch]' -print0
        fi | xargs -0 "$@"
    )
}

# format [--check]: clang-format, over all sources.
format_main()
{
    packages_ensure "$LIB/packages-tools.txt"
    case ${1:-} in
    '') on_sources clang-format -i ;;
    --check) on_sources clang-format --dry-run -Werror ;;
    *) die "format: unknown option $1" ;;
    esac
}

# fuzz [SECONDS] [NAME]...: each fuzzer, or those named, for that long.
fuzz_main()
{
    local seconds=${1:-60}

    is_number "$seconds" || die "fuzz: '$seconds' is not a number of seconds"
    shift || true
    packages_ensure "$LIB/packages.txt" "$LIB/packages-tools.txt"
    build_tree fuzz
    build_folder fuzz
    "$ROOT/tests/fuzz/run.sh" "$REPLY" "$seconds" "$@"
}

# faults [--kills N] [--minutes N] [NAME]...: kill, cut, pause and mangle for half an hour; ./dev check
# does the same briefly. The options bound the random killing (tests/faults/chaos).
faults_main()
{
    local name files=()

    while [[ ${1:-} == --* ]]; do
        need_value "$1" $#
        is_number "$2" || die "faults: $1 takes a number"
        case $1 in
        --kills) export PARLEY_KILLS=$2 ;;
        --minutes) export PARLEY_MINUTES=$2 ;;
        *) die "faults: unknown option $1" ;;
        esac
        shift 2
    done
    for name; do
        files+=("$ROOT/tests/faults/$name.test.mjs")
        [ -e "${files[-1]}" ] || die "faults: there is no tests/faults/$name.test.mjs"
    done
    [ "${#files[@]}" -gt 0 ] || files=("$ROOT"/tests/faults/*.test.mjs)
    packages_ensure "$LIB/packages.txt" "$LIB/packages-test.txt"
    npm_ensure "$ROOT/tests"
    build_tree ''
    build_web "$ROOT/build/web"
    PARLEY_LONG=1 exec node --test --test-concurrency=1 --test-reporter=spec "${files[@]}"
}

# soak [--minutes N] [--rate N] ...: churn at half load for as long as asked, and whether anything rises.
soak_main()
{
    packages_ensure "$LIB/packages.txt" "$LIB/packages-test.txt"
    npm_ensure "$ROOT/tests"
    build_tree ''
    build_web "$ROOT/build/web"
    exec node "$ROOT/tests/bench/soak/main.mjs" "$@"
}

# bench [--quick] ...: parley beside its peers. Everything but the generator runs on one core.
bench_main()
{
    [ "$(nproc)" -ge 2 ] || die "bench: the generator needs a core of its own, there is one core here"
    packages_ensure "$LIB/packages.txt" "$LIB/packages-test.txt" "$LIB/packages-bench.txt"
    npm_ensure "$ROOT/tests"
    build_tree ''
    build_web "$ROOT/build/web"
    exec taskset -c 0 node "$ROOT/tests/bench/main.mjs" "$@"
}
