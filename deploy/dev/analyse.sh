# shellcheck shell=bash disable=SC2153
# ./dev analyse: what can be found in the C sources without running them. A finding that is wrong is
# marked where it is, with the reason; the checks that are left out are in .clang-tidy, with theirs.

readonly ANALYSES=(cppcheck gcc clang-tidy scan-build)

# The sources that ship, to a command. (Tests are C too, but their slips are seen when they run.)
analyse_sources()
{
    (
        cd "$ROOT" || exit
        find shared broker fcgi deploy -name '*.c' -print0 | sort -z | xargs -0 "$@"
    )
}

analyse_cppcheck()
{
    analyse_sources cppcheck --quiet --error-exitcode=1 -j"$(nproc)" --std=c11 --inline-suppr \
        --enable=warning,performance,portability --suppress=missingIncludeSystem -D_GNU_SOURCE -I. \
        --template='{file}:{line}: {severity}: {message} [{id}]'
}

# gcc -fanalyzer, in a build of its own.
analyse_gcc()
{
    build_folder analyse
    make -C "$REPLY" clean >/dev/null 2>&1 || true # what was built before says nothing again
    build_tree analyse
}

# compile_commands.json for clang-tidy: what Makefile.am tells the compiler.
analyse_commands()
{
    local flags file separator=''

    flags=$(pkg-config --cflags json-c libpq libwebsockets libmosquitto libsodium | xargs printf '"%s",')
    printf '['
    while read -r file; do
        printf '%s{"directory":"%s","file":"%s","arguments":["cc","-std=gnu17","-pthread","-O1",' \
            "$separator" "$ROOT" "$file"
        printf '%s"-D_GNU_SOURCE","-DSQL_DIR=\\"sql\\"","-DPACKAGE_VERSION=\\"0\\"",' "$flags"
        printf '"-I.","-include","shared/base/banned.h","-c","%s"]}\n' "$file"
        separator=,
    done < <(analyse_sources -n 1 echo)
    printf ']\n'
}

analyse_clang-tidy()
{
    build_folder analyse
    mkdir -p "$REPLY"
    analyse_commands >"$REPLY/compile_commands.json"
    analyse_sources -P "$(nproc)" -n 8 clang-tidy -p "$REPLY" --quiet 2>"$REPLY/clang-tidy.log"
}

# The analyser that clang-tidy calls clang-analyzer-*, over the build as it is.
analyse_scan-build()
{
    local off checker disable=()

    off=$(sed -n 's/^  -clang-analyzer-\([a-z].*[a-zA-Z]\),*$/\1/p' "$ROOT/.clang-tidy")
    for checker in $off; do
        disable+=(-disable-checker "$checker")
    done
    build_folder analyse
    build_tree analyse
    make -C "$REPLY" clean >/dev/null
    scan-build --status-bugs -o "$REPLY/scan-build" "${disable[@]}" \
        make -C "$REPLY" -j"$(nproc)" CFLAGS=-O1 all 2>&1 | grep -E 'warning:|error:|scan-build: '
    [ "${PIPESTATUS[0]}" -eq 0 ]
}

analyse_setup()
{
    packages_ensure "$LIB/packages.txt" "$LIB/packages-tools.txt"
}

analyse_main()
{
    local name failed=0

    [ $# -gt 0 ] || set -- "${ANALYSES[@]}"
    analyse_setup
    for name; do
        [[ " ${ANALYSES[*]} " == *" $name "* ]] || die "analyse: there is no $name"
        if "analyse_$name"; then
            say "$name: nothing found"
        else
            say "$name: see above"
            failed=1
        fi
    done
    return "$failed"
}
