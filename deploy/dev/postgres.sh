# shellcheck shell=bash
# The instance's private PostgreSQL cluster: unix socket only, SCRAM, checksums, default durability.

# Run a command as the user that PostgreSQL runs as: it refuses to be root.
as_postgres()
{
    if [ "$EUID" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups \
            env HOME=/ LC_ALL=C.UTF-8 "$@"
    else
        env LC_ALL=C.UTF-8 "$@"
    fi
}

# Can that user get at the folder $1?
postgres_reaches()
{
    # shellcheck disable=SC2016
    as_postgres sh -c 'cd "$1"' sh "$1" 2>/dev/null
}

# The programs' folder in PGBIN: the cluster's version, for a new one the newest.
postgres_programs()
{
    local version folder

    if [ -e "$PGDATA/PG_VERSION" ]; then
        version=$(<"$PGDATA/PG_VERSION")
    else
        version=$(for folder in /usr/lib/postgresql/*/bin/initdb; do
            folder=${folder%/bin/initdb}
            echo "${folder##*/}"
        done | sort -n | tail -n 1)
    fi
    PGBIN=/usr/lib/postgresql/$version/bin
    [ -x "$PGBIN/postgres" ] || die "PostgreSQL ${version:-14 or newer} is not installed"
}

# Where the cluster is, in PGDATA: DATA/pg, which links to a folder under /var/lib when the user
# postgres cannot get at DATA (a private home folder, say).
postgres_place()
{
    local home

    if [ -e "$DATA/pg" ]; then
        PGDATA=$(readlink -f "$DATA/pg")
    elif postgres_reaches "$DATA"; then
        PGDATA=$DATA/pg
    else
        home=/var/lib/parley-dev/$(printf '%s' "$DATA" | sha256sum | cut -c 1-16)
        mkdir -p "$home"
        chmod 711 /var/lib/parley-dev "$home"
        postgres_reaches "$home" || die "the user postgres can reach neither $DATA nor $home"
        # A cluster already there was of a data folder that somebody deleted, its passwords included.
        rm -rf "$home/pg"
        printf 'The PostgreSQL cluster of %s\n' "$DATA" >"$home/README"
        PGDATA=$home/pg
        ln -s "$PGDATA" "$DATA/pg"
    fi
}

# Make the cluster, unless it is there. It gets its name only when it is complete; an empty folder that
# waits for it (on a disk of its own, say) is replaced. Its thousand files
# are brought to the disk beside the start, not before it: that takes longer than all the rest.
postgres_create()
{
    local fresh=$PGDATA.new

    [ ! -e "$PGDATA/PG_VERSION" ] || return 0
    rm -rf "$fresh"
    mkdir -m 700 "$fresh"
    printf '%s\n' "$SECRET_SUPERUSER" >"$SOCKETS/pg/password"
    [ "$EUID" -ne 0 ] || chown postgres:postgres "$fresh" "$SOCKETS/pg/password"
    (cd / && as_postgres "$PGBIN/initdb" --pgdata="$fresh" --data-checksums --encoding=UTF8 \
        --locale=C.UTF-8 --username=postgres --pwfile="$SOCKETS/pg/password" --auth=scram-sha-256 \
        --no-instructions --no-sync) >"$DATA/log/initdb.log" 2>&1 || {
        cat "$DATA/log/initdb.log" >&2
        die "initdb failed"
    }
    rm -f "$SOCKETS/pg/password"
    printf "include 'parley.conf'\n" >>"$fresh/postgresql.conf"
    printf 'local all all scram-sha-256\n' >"$fresh/pg_hba.conf"
    mv -T "$fresh" "$PGDATA"
    PG_IS_NEW=1
}

# In the background; its working folder makes it one of those that instance_stop ends.
postgres_sync()
{
    [ -n "${PG_IS_NEW:-}" ] || return 0
    (
        cd "$PGDATA" || exit
        as_postgres "$PGBIN/initdb" --pgdata="$PGDATA" --sync-only
    ) </dev/null >/dev/null 2>&1 {UP_LOCK}<&- &
}

postgres_configure()
{
    postgres_programs
    postgres_create
    write_file 600 "$PGDATA/parley.conf" <<END
# Written by ./dev up.
listen_addresses = ''
unix_socket_directories = '$SOCKETS/pg'
max_connections = 200
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %u '
log_timezone = 'UTC'
timezone = 'UTC'
password_encryption = 'scram-sha-256'
jit = off
recovery_init_sync_method = syncfs
END
    [ "$EUID" -ne 0 ] || chown postgres:postgres "$PGDATA/parley.conf"
    local user=()
    [ "$EUID" -ne 0 ] || user=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fill "$ROOT/deploy/dev/postgres.run.in" PGDATA="$PGDATA" \
        COMMAND="${user[*]} env HOME=/ LC_ALL=C.UTF-8 $PGBIN/postgres -D $PGDATA" |
        write_file 700 "$DATA/run/postgres.run"
}

# conninfo ROLE PASSWORD [DATABASE]: in REPLY.
conninfo()
{
    REPLY="host=$SOCKETS/pg port=5432 dbname=${3:-parley} user=$1 password=$2"
}

# The postmaster's pid file has its number first and its state last; it may be a dead one's.
postgres_is_up()
{
    local lines

    { mapfile -t lines <"$PGDATA/postmaster.pid"; } 2>/dev/null || return 1
    live_pid "$DATA/run/postgres.pid" && [ "$REPLY" = "${lines[0]:-}" ] &&
        [[ ${lines[7]:-} == ready* ]]
}

# Roles, database, and schema. Every step is safe to repeat.
postgres_provision()
{
    conninfo postgres "$SECRET_SUPERUSER" postgres
    "$PGBIN/psql" -XqAt -v ON_ERROR_STOP=1 -d "$REPLY" <<END >"$DATA/log/provision.log" 2>&1 || {
\\set QUIET on
select 'create role ' || name from unnest(array['parley_owner', 'parley_app']) as name
    where not exists (select from pg_roles where rolname = name) \\gexec
alter role parley_owner login password '$SECRET_OWNER';
alter role parley_app login password '$SECRET_APP';
grant pg_monitor, pg_signal_backend to parley_owner;
select 'create database parley owner parley_owner'
    where not exists (select from pg_database where datname = 'parley') \\gexec
revoke all on database parley from public;
grant connect on database parley to parley_app;
END
        cat "$DATA/log/provision.log" >&2
        die "could not set up the database"
    }
    conninfo parley_owner "$SECRET_OWNER"
    PARLEY_MIGRATE_CONNINFO=$REPLY "$BUILD/parleyctl" --config "$DATA/parley.conf" migrate \
        --dir "$ROOT/sql" \
        >"$DATA/log/migrate.log" 2>&1 || {
        cat "$DATA/log/migrate.log" >&2
        die "the migrations failed"
    }
}
