# shellcheck shell=bash disable=SC2153,SC2034
# A running instance, found by its data folder: what runs, where, and how to end it.

declare -A INSTANCE=()

# instance_select DIR: set DATA, an absolute path without surprises for configuration files.
instance_select()
{
    DATA=$(realpath -m -- "${1:-$ROOT/var}")
    [[ $DATA =~ ^/[A-Za-z0-9._/+@:,=-]+$ ]] ||
        die "the data folder's path may hold letters, digits and ._/+@:,=- only: $DATA"
}

# What the last up wrote about itself, into INSTANCE.
instance_read()
{
    local key value

    INSTANCE=()
    [ -r "$DATA/run/instance" ] || return 1
    while IFS='=' read -r key value; do
        INSTANCE[$key]=$value
    done <"$DATA/run/instance"
}

supervisor_lives()
{
    live_pid "$DATA/run/supervisor.pid"
}

# The names of the services, in the order of their start.
instance_services()
{
    sed 's/ .*//' "$DATA/run/services" 2>/dev/null || true
}

# The programs of a supervisor that is gone live on; does any?
instance_has_leftovers()
{
    local name

    for name in $(instance_services); do
        ! live_pid "$DATA/run/$name.pid" || return 0
    done
    return 1
}

# end_process FILE SIGNAL SECONDS: ask the recorded process to end, then insist.
end_process()
{
    live_pid "$1" || return 0
    kill "-$2" "$REPLY" 2>/dev/null || true
    kill -CONT "$REPLY" 2>/dev/null || true
    wait_until "$3" process_is_gone "$1" || {
        ! live_pid "$1" || kill -KILL "$REPLY" 2>/dev/null || true
        wait_until 5 process_is_gone "$1" || die "process $REPLY does not end"
    }
}

process_is_gone()
{
    ! live_pid "$1"
}

# End everything of this instance, in order, with its supervisor or without.
instance_stop()
{
    local name signal seconds data process

    end_process "$DATA/run/supervisor.pid" TERM 90
    while read -r name _ signal seconds _; do
        end_process "$DATA/run/$name.pid" "$signal" "$seconds"
        rm -f "$DATA/run/$name.pid"
    done < <(sort -rn -k 2,2 "$DATA/run/services" 2>/dev/null)
    # Children of a PostgreSQL that was killed: whoever works in its data folder.
    data=$(readlink -f "$DATA/pg" || true)
    for process in /proc/[0-9]*; do
        [[ $process/cwd -ef $data ]] || continue
        [[ $(readlink "$process/exe") != */postgresql/*/bin/@(postgres|initdb) ]] ||
            kill -KILL "${process#/proc/}" 2>/dev/null || true
    done
    instance_read || true
    [[ ${INSTANCE[sockets]:-} != /tmp/parley-* ]] || rm -rf "${INSTANCE[sockets]}"
    rm -rf "$DATA/run"
}

parse_data()
{
    REST=()
    local data=''

    while [ $# -gt 0 ]; do
        case $1 in
        --data)
            need_value "$1" $#
            data=$2
            shift
            ;;
        --data=*) data=${1#--data=} ;;
        *)
            REST=("$@")
            break
            ;;
        esac
        shift
    done
    instance_select "$data"
}

services_live()
{
    local name

    for name in $(instance_services); do
        live_pid "$DATA/run/$name.pid" || return 1
    done
}

# The pid of a service for JSON: a process that just died is back in a moment, so wait for it.
service_pid()
{
    live_pid "$DATA/run/$1.pid" || REPLY=null
}

status_json()
{
    local port brokers='' pids='' i=0 name fixed=''

    wait_until 2 services_live || true
    for port in ${INSTANCE[broker_ports]}; do
        i=$((i + 1))
        service_pid "broker-$i"
        brokers+=${brokers:+,}$(json_string "http://127.0.0.1:$port")
        pids+=${pids:+,}$REPLY
    done
    for name in supervisor lighttpd fcgi; do
        service_pid "$name"
        fixed+="\"$name\":$REPLY,"
    done
    fixed+="\"brokers\":[$pids]"
    for name in mosquitto postgres; do
        service_pid "$name"
        fixed+=",\"$name\":$REPLY"
    done
    printf '{"http":%s,"brokers":[%s],"pg":%s,"mqtt":%s,"devices":%s,"fcgiMetrics":%s,"pids":{%s},"data":%s}\n' \
        "$(json_string "http://127.0.0.1:${INSTANCE[http_port]}")" "$brokers" \
        "$(json_string "${INSTANCE[pg]}")" "$(json_string "127.0.0.1:${INSTANCE[mqtt_port]}")" \
        "$(json_string "127.0.0.1:${INSTANCE[devices_port]:-}")" \
        "$(json_string "http://127.0.0.1:${INSTANCE[fcgi_metrics_port]:-}/metrics")" \
        "$fixed" "$(json_string "$DATA")"
}

status_main()
{
    local json='' args=() name

    while [ $# -gt 0 ]; do
        case $1 in
        --json) json=1 ;;
        *) args+=("$1") ;;
        esac
        shift
    done
    parse_data "${args[@]}"
    [ "${#REST[@]}" -eq 0 ] || die "status: unknown option ${REST[0]}"
    if ! instance_read || { ! supervisor_lives && ! instance_has_leftovers; }; then
        die "nothing runs on $DATA"
    fi
    if [ -n "$json" ]; then
        status_json
        return
    fi
    echo "http      http://127.0.0.1:${INSTANCE[http_port]}"
    echo "data      $DATA"
    for name in supervisor $(instance_services); do
        service_pid "$name"
        printf '%-9s %s\n' "$name" "${REPLY/#null/not running}"
    done
}

down_main()
{
    parse_data "$@"
    [ "${#REST[@]}" -eq 0 ] || die "down: unknown option ${REST[0]}"
    if ! supervisor_lives && ! instance_has_leftovers; then
        say "nothing runs on $DATA"
    fi
    [ ! -d "$DATA/run" ] || instance_stop
}

# Workers and brokers read parley.conf again; the logs say what came of it.
reload_main()
{
    parse_data "$@"
    [ "${#REST[@]}" -eq 0 ] || die "reload: unknown option ${REST[0]}"
    live_pid "$DATA/run/supervisor.pid" || die "nothing runs on $DATA"
    kill -HUP "$REPLY"
}

ctl_main()
{
    parse_data "$@"
    if ! instance_read; then
        die "nothing runs on $DATA"
    fi
    [ "${REST[0]:-}" != migrate ] || REST+=(--dir "$ROOT/sql")
    export PARLEY_MIGRATE_CONNINFO=${INSTANCE[pg]}
    exec "${INSTANCE[build]}/parleyctl" --config "$DATA/parley.conf" "${REST[@]}"
}

logs_main()
{
    local follow=() files

    parse_data "$@"
    if [ "${REST[0]:-}" = -f ]; then
        follow=(-f)
        REST=("${REST[@]:1}")
    fi
    files=("$DATA"/log/"${REST[0]:-*}".log)
    [ -n "${REST[0]:-}" ] || files=("$DATA"/log/*.log)
    [ -e "${files[0]}" ] || die "there is no log ${REST[0]:-} under $DATA/log"
    exec tail -n 100 "${follow[@]}" "${files[@]}"
}
