#!/bin/sh
# parleyctl against a private PostgreSQL: each subcommand, its output and exit codes. TAP on stdout.
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
if [ -z "${PARLEY_TEST_PG:-}" ]; then
    exec "$root/tests/lib/pg.sh" "$0" "$@"
fi
ctl=${PARLEYCTL:-./parleyctl}
dir=$(mktemp -d /tmp/parleyctl-test.XXXXXX) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0
export PARLEY_PG_CONNINFO="$PARLEY_TEST_PG"
export PARLEY_AUTH_SECRET=0123456789abcdef0123456789abcdef
export PARLEY_AUTH_HASH_OPS=1 PARLEY_AUTH_HASH_BYTES=8192

# expect CODE PATTERN NAME COMMAND...: the exit code, and a pattern in what it prints.
expect() {
    code=$1 pattern=$2 name=$3
    shift 3
    "$@" >"$dir/out" 2>&1 </dev/null
    got=$?
    if [ "$got" = "$code" ] && grep -q -e "$pattern" "$dir/out"; then
        echo "ok - $name"
    else
        echo "not ok - $name (exit code $got, expected $code and $pattern)"
        sed 's/^/# /' "$dir/out"
        failed=1
    fi
}

add_user() {
    printf '%s\n' "$2" | "$ctl" user add "$1"
}

expect 0 'exit codes' 'help' "$ctl" --help
expect 2 'usage' 'an unknown command' "$ctl" nonsense
expect 2 'usage' 'no command' "$ctl"
expect 2 'usage' 'a missing argument' "$ctl" user add
expect 2 'nowhere.conf' 'a configuration that is not there' "$ctl" --config "$dir/nowhere.conf" stats

# ---- migrate ----
owner=$(echo "$PARLEY_TEST_PG_OWNER" | sed 's/dbname=[^ ]*/dbname=fresh/')
psql -q "$PARLEY_TEST_PG_SUPER" -c 'create database fresh owner parley_owner' || exit 99
mkdir "$dir/sql"
cp "$root/sql/0001_init.sql" "$dir/sql" # the first of them, and others of our own
echo 'not a migration' >"$dir/sql/README"
expect 0 'applied 0001_init' 'migrate applies' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/sql"
expect 0 '"applied":\[\]' 'migrate again does nothing' \
    "$ctl" --json --conninfo "$owner" migrate --dir "$dir/sql"
echo 'create table extra (id bigint); insert into extra values (1)' >"$dir/sql/0002_extra.sql"
PARLEY_MIGRATE_CONNINFO=$owner "$ctl" migrate --dir "$dir/sql" >"$dir/first" 2>&1 &
PARLEY_MIGRATE_CONNINFO=$owner "$ctl" migrate --dir "$dir/sql" >"$dir/second" 2>&1
wait
expect 0 '^1$' 'two at once apply once' sh -c "cat '$dir/first' '$dir/second' | grep -c applied"
echo 'create table half (id bigint); select 1/0' >"$dir/sql/0003_half.sql"
expect 1 '0003_half' 'a failing migration is refused' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/sql"
expect 0 '^f$' 'and leaves nothing behind' \
    psql -qAt "$owner" -c "select exists (select from pg_tables where tablename = 'half')"
rm "$dir/sql/0003_half.sql"
mkdir "$dir/empty"
echo '-- changed' >>"$dir/sql/0002_extra.sql"
expect 1 '0002_extra.sql has changed' 'a changed migration is refused' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/sql"
rm "$dir/sql/0002_extra.sql"
expect 1 'newer' 'a database that is newer is refused' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/sql"
cp "$root/sql/0001_init.sql" "$dir/sql/0003_gap.sql"
expect 1 'expected number 2' 'a gap is refused' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/sql"
expect 1 'no migrations' 'an empty folder is refused' \
    "$ctl" --conninfo "$owner" migrate --dir "$dir/empty"
expect 3 'did not answer' 'no server' \
    "$ctl" --conninfo 'host=/nonexistent dbname=x' migrate --dir "$root/sql"

# ---- rows restored from another cluster ----
restored=$(echo "$PARLEY_TEST_PG_OWNER" | sed 's/dbname=[^ ]*/dbname=restored/')
psql -q "$PARLEY_TEST_PG_SUPER" -c 'create database restored owner parley_owner' || exit 99
migrate_all() {
    "$ctl" --conninfo "$restored" migrate --dir "$root/sql"
}
rows() {
    psql -qAt "$restored" -c "$1"
}
expect 0 'the schema is at version' 'migrate, all of them' migrate_all
rows "insert into room_event (room_id, seq, kind, at, xid) values (99, 1, 1, now(), '900000000'),
    (99, 2, 1, now(), '900000002'), (99, 3, 1, now(), '3')" || exit 99
rows "update search_state set xid = '900000001'" || exit 99
expect 0 'the schema is at version' 'migrate after a restore' migrate_all
expect 0 '^0$' 'no row is of the future' rows \
    'select count(*) from room_event where xid >= pg_snapshot_xmax(pg_current_snapshot())'
expect 0 '^1:0 2:t 3:3$' 'what was indexed is past, what was not is still to come' rows \
    "select string_agg(seq || ':' || case when seq = 2 then (xid >= (select xid from search_state))::text::char(1)
        else xid::text end, ' ' order by seq) from room_event where room_id = 99"

# ---- users and tokens ----
expect 0 'user alice added' 'user add' add_user alice 'correct horse'
expect 1 'already taken' 'a name is used once' add_user ALICE 'correct horse'
expect 1 'password is too short' 'a short password' add_user bob short
expect 1 'username may contain' 'a bad name' add_user 'a b' 'correct horse'
expect 1 'no password' 'no password' "$ctl" user add bob
expect 0 '^[^.]*\.[^.]*\.[^.]*$' 'token issue prints a JWT' "$ctl" token issue alice
expect 0 '"session":2,"accessToken":"' 'token issue --json' "$ctl" --json token issue Alice
expect 1 'no such user' 'a token for nobody' "$ctl" token issue nobody
expect 2 'auth.secret' 'a token without a secret' \
    env PARLEY_AUTH_SECRET=short "$ctl" token issue alice
expect 0 'session 2 ended' 'token revoke' "$ctl" token revoke 2
expect 1 'has ended' 'token revoke again' "$ctl" token revoke 2
expect 2 'no session number' 'token revoke of a word' "$ctl" token revoke two
expect 0 'user alice disabled' 'user disable' "$ctl" user disable alice
expect 1 'no such user' 'no token for the disabled' "$ctl" token issue alice
expect 1 'no such user' 'user disable of nobody' "$ctl" user disable nobody
expect 0 '^0$' 'no session is left' psql -qAt "$PARLEY_TEST_PG" \
    -c 'select count(*) from session where ended_at is null'
expect 0 '^2$' 'the inbox tells of both endings' psql -qAt "$PARLEY_TEST_PG" \
    -c 'select count(*) from inbox_event where kind = 35'

# ---- rooms ----
psql -q "$PARLEY_TEST_PG" -c "insert into room (name, status, members, last_seq)
    values ('General', 'PUBLIC', 1, 7)" -c "insert into room_name (name_key, room_id)
    values ('general', 1)" -c "insert into membership (room_id, user_id, is_member, role)
    values (1, 1, true, 'OWNER')" || exit 99
expect 0 ' 1 PUBLIC  *1  *7  General' 'room list' "$ctl" room list
expect 0 '^{"rooms":\[{"id":1,"name":"General",' 'room list --json' "$ctl" --json room list
expect 0 'owner     alice' 'room show' "$ctl" room show GENERAL
expect 0 '"owner":"alice","members":1,"lastSeq":7' 'room show --json' "$ctl" --json room show General
expect 1 'no such channel' 'room show of nothing' "$ctl" room show nowhere
expect 0 'disabled users  1' 'stats' "$ctl" stats
expect 0 '"publicRooms":1,.*"roomEvents":7' 'stats --json' "$ctl" --json stats
exit $failed
