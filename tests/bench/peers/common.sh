# shellcheck shell=sh
# Shared by the peers' prepare and run. Sets PEER (the folder) and PEER_BUILD (where its output goes,
# outside the sources).

PEER=$(cd "$(dirname "$0")" && pwd)
PEER_BUILD=$(cd "$PEER/../../../.." && pwd)/build/peers/$(basename "$PEER")
export PEER PEER_BUILD

# The reason on standard output, and the exit code of a test that was skipped.
skip()
{
    echo "skip $(basename "$PEER"): $1"
    exit 77
}

# The modules of package-lock.json, only when that file changed.
npm_modules()
{
    command -v npm >/dev/null || skip "there is no npm here"
    node -e 'process.exit(parseInt(process.versions.node) >= Number(process.argv[1]) ? 0 : 1)' "$1" ||
        skip "it needs Node $1, this is $(node --version)"
    cmp -s "$PEER/package-lock.json" "$PEER/node_modules/.parley-lock" && return
    (cd "$PEER" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2 ||
        skip "npm ci failed"
    cp "$PEER/package-lock.json" "$PEER/node_modules/.parley-lock"
}
