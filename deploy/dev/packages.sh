# shellcheck shell=bash
# Debian packages and npm modules. Nothing here touches the network when nothing is missing.

# packages_ensure FILE...: install what is missing of the lists, and Node.js.
packages_ensure()
{
    local wanted missing=() name
    declare -A have=()

    command -v dpkg-query >/dev/null || die "this needs Debian (dpkg-query is missing)"
    mapfile -t wanted < <(sed 's/#.*//' "$@" | grep -v '^ *$')
    while read -r name; do
        have[$name]=1
    done < <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
        sed -n 's/^installed //p')
    for name in "${wanted[@]}"; do
        [ -n "${have[$name]:-}" ] || missing+=("$name")
    done
    node_is_there || missing+=(nodejs npm)
    [ "${#missing[@]}" -eq 0 ] || packages_install "${missing[@]}"
    node_is_there || die "Node.js 18 or newer, with npm, is needed"
}

node_is_there()
{
    local version

    command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
    version=${version#v}
    [ "${version%%.*}" -ge 18 ]
}

# Install without starting the services that the packages bring: ours are private to an instance.
packages_install()
{
    local as_root=() policy=/usr/sbin/policy-rc.d made=0

    say "installing: $*"
    if [ "$EUID" -ne 0 ]; then
        command -v sudo >/dev/null || die "not root and no sudo; please install: $*"
        as_root=(sudo)
    fi
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
        made=1
    fi
    local result=0
    {
        "${as_root[@]}" apt-get update -qq &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$@"
    } </dev/null >&2 || result=$?
    [ "$made" -eq 0 ] || "${as_root[@]}" rm -f "$policy"
    [ "$result" -eq 0 ] || die "apt-get could not install: $*"
}

# npm_ensure DIR: the modules of DIR/package-lock.json, only when that file changed.
npm_ensure()
{
    local stamp=$1/node_modules/.parley-lock

    cmp -s "$1/package-lock.json" "$stamp" && return
    say "installing the npm modules of ${1#"$ROOT"/}"
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) </dev/null >&2 ||
        die "npm ci failed in ${1#"$ROOT"/}"
    cp "$1/package-lock.json" "$stamp"
}
