#!/bin/sh
# Run a command against a private, throwaway PostgreSQL cluster with parley's schema.
#
#   tests/lib/pg.sh COMMAND [ARGUMENT...]
#
# The command finds these in its environment:
#   PARLEY_TEST_PG        connection string of the application's role, parley_app
#   PARLEY_TEST_PG_OWNER  the same of the schema's owner, parley_owner
#   PARLEY_TEST_PG_SUPER  the same of the superuser
#   PARLEY_TEST_PG_DATA   the cluster's data directory (postmaster.pid is in it)
#   PARLEY_TEST_PG_SOCKET the server's unix socket
# PARLEY_TEST_PG_DURABLE=1 leaves fsync on, to measure. Exit code: the command's; 77 where no
# PostgreSQL server is installed (a skipped test). Everything is gone afterwards.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)

bin=$(pg_config --bindir 2>/dev/null)
[ -x "$bin/initdb" ] || bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ ! -x "$bin/initdb" ]; then
    echo "SKIP: no PostgreSQL server is installed" >&2
    exit 77
fi

dir=$(mktemp -d /tmp/parley-pg.XXXXXX) || exit 99
as=
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    chown postgres: "$dir"
    as="setpriv --reuid=postgres --regid=postgres --init-groups --"
fi
child=

finish() {
    code=$?
    trap '' HUP INT TERM
    [ -n "$child" ] && kill "$child" 2>/dev/null
    $as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
    rm -rf "$dir"
    exit "$code"
}
trap finish EXIT
trap 'exit 99' HUP INT TERM

fail() {
    echo "pg.sh: $1" >&2
    cat "$dir/log" >&2
    exit 99
}

cd "$dir" || exit 99
$as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync \
    >"$dir/log" 2>&1 || fail "initdb failed"
settings="-c listen_addresses= -c unix_socket_directories=$dir -c max_connections=50"
[ "${PARLEY_TEST_PG_DURABLE:-}" = 1 ] || settings="$settings -c fsync=off -c full_page_writes=off"
$as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/server.log" -o "$settings" start >>"$dir/log" 2>&1 ||
    fail "the server does not start"

psql() {
    "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$dir" "$@" >>"$dir/log" 2>&1
}
psql -U postgres -d postgres \
    -c "create role parley_owner login" -c "create role parley_app login" \
    -c "create database parley owner parley_owner" || fail "no database"
for file in "$root"/sql/[0-9]*.sql; do
    psql -U parley_owner -d parley -1 -f "$file" || fail "$file failed"
done

PARLEY_TEST_PG="host=$dir dbname=parley user=parley_app"
PARLEY_TEST_PG_OWNER="host=$dir dbname=parley user=parley_owner"
PARLEY_TEST_PG_SUPER="host=$dir dbname=parley user=postgres"
PARLEY_TEST_PG_DATA="$dir/data"
PARLEY_TEST_PG_SOCKET="$dir/.s.PGSQL.5432"
export PARLEY_TEST_PG PARLEY_TEST_PG_OWNER PARLEY_TEST_PG_SUPER PARLEY_TEST_PG_DATA
export PARLEY_TEST_PG_SOCKET
cd "$OLDPWD" || exit 99
"$@" &
child=$!
wait "$child"
code=$?
child=
exit "$code"
