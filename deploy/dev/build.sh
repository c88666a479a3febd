# shellcheck shell=bash
# Building: autogen.sh, configure, make, each only when needed; and the files that lighttpd serves.

# build_folder [VARIANT]: the folder of a build in REPLY.
build_folder()
{
    REPLY=$ROOT/build${1:+-$1}
}

# build_tree VARIANT [TARGET...]: configure and make. Output is kept in the folder's build.log and
# shown only when something failed, or as it comes with PARLEY_VERBOSE=1.
build_tree()
{
    local variant=$1 folder options='' flags='-g -O2'

    shift
    build_folder "$variant"
    folder=$REPLY
    case $variant in
    '') ;;
    fuzz) options="--enable-fuzz CC=clang" ;;
    analyse)
        options=--enable-werror
        flags='-g0 -O1 -fanalyzer'
        ;;
    # Compiled in two thirds of the time, and the reports still have their lines.
    asan | tsan)
        options="--enable-$variant --enable-werror"
        flags='-g1 -O1'
        ;;
    *) options="--enable-$variant --enable-werror" ;;
    esac
    mkdir -p "$folder"
    (
        flock 9
        if [ -n "${PARLEY_VERBOSE:-}" ]; then
            build_steps "$folder" "$flags" "$options" "$@" >&2
        elif ! build_steps "$folder" "$flags" "$options" "$@" >"$folder/build.log" 2>&1; then
            tail -n 40 "$folder/build.log" >&2
            die "the build failed; all of it is in $folder/build.log"
        fi
    ) 9>"$folder/.lock"
}

build_steps()
{
    local folder=$1 flags=$2 options=$3

    shift 3
    cd "$ROOT" || return 1
    [ -e configure ] || (
        flock 8
        [ -e configure ] || ./autogen.sh
    ) 8<"$ROOT/autogen.sh" || return 1
    cd "$folder" || return 1
    if [ ! -e Makefile ] || [ "$(cat .options 2>/dev/null)" != "$flags $options" ]; then
        # shellcheck disable=SC2086
        ../configure CFLAGS="$flags" $options || return 1
        printf '%s\n' "$flags $options" >.options
    fi
    make -j"$(nproc)" "${@:-all}"
}

# What lighttpd serves itself: build/web, made of web/, swagger.yaml and swagger-ui-dist.
build_web()
{
    npm_ensure "$ROOT/web"
    build_folder
    mkdir -p "$REPLY"
    (
        flock 9
        web_is_fresh "$1" || node "$ROOT/web/build.mjs" "$1" >&2 || exit 1
    ) 9>"$REPLY/.lock-web" || die "could not make the web pages"
}

web_is_fresh()
{
    local file

    for file in "$ROOT"/web/*.* "$ROOT"/web/js/* "$ROOT/swagger.yaml" "$ROOT/docs/asyncapi.yaml" \
        "$ROOT/web/node_modules/.parley-lock"; do
        [ "$1.made" -nt "$file" ] || return 1
    done
}

build_main()
{
    local variant=''

    while [ $# -gt 0 ]; do
        case $1 in
        --asan | --tsan | --coverage) variant=${1#--} ;;
        *) die "build: unknown option $1" ;;
        esac
        shift
    done
    packages_ensure "$LIB/packages.txt"
    PARLEY_VERBOSE=${PARLEY_VERBOSE-1} build_tree "$variant"
    build_web "$ROOT/build/web"
    build_folder "$variant"
    say "built in ${REPLY#"$ROOT"/}"
}
