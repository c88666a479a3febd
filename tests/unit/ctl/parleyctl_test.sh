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
expect 2 'usage' 'help on nothing' "$ctl" nonsense --help
expect 2 'usage' 'an argument too many' "$ctl" stats now
expect 0 '^parleyctl (parley) [0-9]' 'version' "$ctl" --version

# ---- one table: help and manual page are of it ----
"$ctl" --commands >"$dir/commands"
"$ctl" --help >"$dir/help"
while read -r command; do
    words=$(echo "$command" | sed 's/ [A-Z]*$//')
    # shellcheck disable=SC2086
    expect 0 "^usage: parleyctl $command\$" "help on $words" "$ctl" $words --help
    expect 0 "^  $words " "$words in the help on all" cat "$dir/help"
done <"$dir/commands"
expect 0 'usage: parleyctl user disable NAME' 'help on a first word' "$ctl" user --help
sed -n 's/^\.It Cm \([a-z ]*\)\( Ar \([a-z]*\)\)\{0,1\}$/\1 \U\3/p' "$root/docs/man/parleyctl.8" |
    sed 's/ $//' >"$dir/manual"
expect 0 '^same$' 'the manual page has the same commands' \
    sh -c "diff '$dir/commands' '$dir/manual' && echo same"
for option in $(grep -o -- '--[a-z]*' "$dir/help" | sort -u); do
    expect 0 "Fl -${option#--}" "$option in the manual page" cat "$root/docs/man/parleyctl.8"
done
if command -v mandoc >/dev/null; then
    expect 0 '^done$' 'the manual page is well-formed' \
        sh -c "mandoc -Tlint -W warning '$root/docs/man/parleyctl.8' && echo done"
else
    echo 'ok - the manual page is well-formed # SKIP there is no mandoc'
fi

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

expect 0 ' 1 disabled  *0  *0  alice$' 'user list' "$ctl" user list
expect 0 'disabled  20' 'user show of the disabled' "$ctl" user show ALICE
expect 0 '"username":"alice",.*"disabled":true,"disabledAt":"2' 'user show --json' \
    "$ctl" --json user show alice
expect 0 '{"user":"alice"}' 'user enable --json' "$ctl" --json user enable alice
expect 0 'user alice enabled' 'user enable again' "$ctl" user enable alice
expect 1 'no such user' 'user enable of nobody' "$ctl" user enable nobody
expect 0 '"disabled":false,"sessions":0,"rooms":0}' 'and what is left' "$ctl" user show alice --json
expect 0 '"session":3,' 'a token again' "$ctl" --json token issue alice
expect 0 '^ *3 20.*Z 20.*Z 20.*Z$' 'session list' "$ctl" session list alice
expect 0 '^{"username":"alice","sessions":\[{"id":3,"createdAt":"' 'session list --json' \
    "$ctl" --json session list ALICE
expect 1 'no such user' 'session list of nobody' "$ctl" session list nobody
expect 0 '{"session":"3"}' 'session revoke --json' "$ctl" --json session revoke 3
expect 1 'has ended' 'session revoke again' "$ctl" session revoke 3
expect 0 '"sessions":\[\]' 'no session is listed' "$ctl" --json session list alice
zero_byte() {
    printf 'correct\0horse battery\n' | "$ctl" user add carol
}
expect 1 'none that can be used' 'a password with a zero byte' zero_byte
long_line() {
    head -c 100000 /dev/zero | tr '\0' x | "$ctl" user add carol
}
expect 1 'none that can be used' 'a line without an end' long_line
no_newline() {
    printf 'correct horse' | "$ctl" user add carol
}
expect 0 'user carol added' 'a password without a newline' no_newline
expect 0 'user carol disabled' 'user disable without a session' "$ctl" user disable carol
expect 1 'control characters' 'a key whose name would write on a terminal' \
    "$ctl" key add "$(printf 'a\033[2J')"

# ---- drain ----
expect 2 'no process id' 'drain of a word' "$ctl" drain broker
expect 2 'no process id' 'drain of all processes' "$ctl" drain -- -1
expect 2 'no process id' 'drain of the first process' "$ctl" drain 1
expect 1 'no parley-broker' 'drain of something else' "$ctl" drain $$
expect 1 'no parley-broker' 'drain of nothing' "$ctl" drain 4194304
cp "$(command -v sleep)" "$dir/parley-broker"
"$dir/parley-broker" 600 &
expect 0 '^{"pid":'$!',"ended":true,"ms":[0-9]*}$' 'drain' "$ctl" --json drain $!
# One that does not listen.
ln -s "$(command -v bash)" "$dir/deaf"
cat >"$dir/deaf.sh" <<'END'
trap '' TERM
printf parley-broker >/proc/self/comm
read -r line <"$0.fifo"
END
mkfifo "$dir/deaf.sh.fifo"
"$dir/deaf" "$dir/deaf.sh" &
deaf=$!
tries=0
until [ "$(cat /proc/$deaf/comm)" = parley-broker ] || [ $tries -gt 500 ]; do
    tries=$((tries + 1))
    sleep 0.02
done
expect 1 'not ended yet' 'drain of one that does not end' \
    env PARLEY_BROKER_DRAIN_MS=0 "$ctl" drain $deaf
kill -KILL $deaf

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
