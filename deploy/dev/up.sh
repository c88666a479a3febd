# shellcheck shell=bash disable=SC2153,SC2034
# ./dev up: from a data folder, perhaps empty, to a running instance.

HTTP_PORT=3000
BROKERS=1
VARIANT=${PARLEY_VARIANT:-}
DEMO=''
DETACH=''

up_options()
{
    local data=''

    while [ $# -gt 0 ]; do
        case $1 in
        --port | --data | --brokers | --set)
            need_value "$1" $#
            up_option_value "$1" "$2"
            [ "$1" != --data ] || data=$2
            shift
            ;;
        --demo) DEMO=1 ;;
        --detach) DETACH=1 ;;
        --asan | --tsan | --coverage) VARIANT=${1#--} ;;
        *) die "up: unknown option $1" ;;
        esac
        shift
    done
    instance_select "$data"
}

up_option_value()
{
    case $1 in
    --port)
        is_number_to 65535 "$2" || die "--port: '$2' is not a port"
        HTTP_PORT=$2
        ;;
    --brokers)
        is_number_to 32 "$2" || die "--brokers: '$2' is not a number up to 32"
        [ "$2" -ge 1 ] || die "--brokers: at least one"
        BROKERS=$2
        ;;
    --set) settings_override "$2" ;;
    esac
}

# One up at a time on a data folder. UP_LOCK is not for our children.
up_lock()
{
    mkdir -p "$DATA"
    exec {UP_LOCK}<"$DATA"
    flock -n "$UP_LOCK" || die "another ./dev up works on $DATA"
}

up_folders()
{
    mkdir -p "$DATA/run" "$DATA/log"
    # PostgreSQL runs as another user when we are root; it must get through, to its own folder only.
    [ "$EUID" -ne 0 ] || chmod 711 "$DATA" "$DATA/run"
}

up_refuse_running()
{
    if supervisor_lives; then
        instance_read || true
        die "already running on $DATA: http://127.0.0.1:${INSTANCE[http_port]:-?}"
    fi
    ! instance_has_leftovers || say "ending what a supervisor that died has left"
    [ ! -d "$DATA/run" ] || instance_stop
}

# Secrets are made once and kept: SECRET_* from DATA/secrets.
up_secrets()
{
    local name value

    if [ ! -e "$DATA/secrets" ]; then
        for name in AUTH SUPERUSER OWNER APP MQTT; do
            printf '%s %s\n' "$name" "$(random_hex 32)"
        done | write_file 600 "$DATA/secrets"
    fi
    while read -r name value; do
        declare -g "SECRET_$name=$value"
    done <"$DATA/secrets"
}

# Where the unix sockets live, in SOCKETS: with the data, unless its path is too long for a socket's
# address (107 bytes) or closed to PostgreSQL's user.
up_sockets()
{
    SOCKETS=$DATA/run
    if [ ${#SOCKETS} -gt 80 ] || ! postgres_reaches "$SOCKETS"; then
        SOCKETS=$(mktemp -d /tmp/parley-XXXXXX)
        [ "$EUID" -ne 0 ] || chmod 711 "$SOCKETS"
    fi
    mkdir -p "$SOCKETS/pg"
    [ "$EUID" -ne 0 ] || chown postgres:postgres "$SOCKETS/pg"
}

up_ports()
{
    local i

    if [ "$HTTP_PORT" -eq 0 ]; then
        free_port
        HTTP_PORT=$REPLY
    elif port_open "$HTTP_PORT"; then
        die "port $HTTP_PORT is in use; choose another with --port"
    fi
    free_port
    MQTT_PORT=$REPLY
    free_port
    DEVICES_PORT=$REPLY
    free_port
    METRICS_PORT=$REPLY
    BROKER_PORTS=()
    for ((i = 0; i < BROKERS; i++)); do
        # The first may be told its port with --set.
        REPLY=${SETTINGS[broker.port]-0}
        if [ "$i" -gt 0 ] || ! is_number "$REPLY" || [ "$REPLY" -eq 0 ]; then
            free_port
        fi
        BROKER_PORTS+=("$REPLY")
    done
}

up_settings()
{
    conninfo parley_app "$SECRET_APP"
    setting_default pg.conninfo "$REPLY"
    setting_default mqtt.host "$SOCKETS/mqtt.sock"
    setting_default mqtt.port "$MQTT_PORT"
    setting_default mqtt.username parley
    setting_default mqtt.password "$SECRET_MQTT"
    setting_default auth.secret "$SECRET_AUTH"
    setting_default fcgi.socket "$SOCKETS/fcgi.sock"
    setting_default fcgi.metrics_port "$METRICS_PORT"
    setting_default limits.signups_per_hour 0
    setting_default socketio.origins "http://localhost:* http://127.0.0.1:*"
    settings_print | write_file 600 "$DATA/parley.conf"
}

# The services' scripts; postgres.run, mosquitto.run and lighttpd.run come with their parts.
up_scripts()
{
    local i

    printf '#!/bin/sh\nexec %s/parley-fcgi --config %s/parley.conf\n' "$BUILD" "$DATA" |
        write_file 700 "$DATA/run/fcgi.run"
    for ((i = 1; i <= BROKERS; i++)); do
        printf '#!/bin/sh\nexec env %s %s %s %s/parley-broker --config %s/parley.conf\n' \
            "PARLEY_BROKER_PORT=${BROKER_PORTS[i - 1]}" "PARLEY_BROKER_ID=broker-$i" \
            "PARLEY_BROKER_SID_PREFIX=b$i-" "$BUILD" "$DATA" |
            write_file 700 "$DATA/run/broker-$i.run"
    done
}

# What status, down and ctl need to know.
up_record()
{
    conninfo parley_owner "$SECRET_OWNER"
    write_file 600 "$DATA/run/instance" <<END
http_port=$HTTP_PORT
broker_ports=${BROKER_PORTS[*]}
mqtt_port=$MQTT_PORT
devices_port=$DEVICES_PORT
fcgi_metrics_port=${SETTINGS[fcgi.metrics_port]}
pg=$REPLY
sockets=$SOCKETS
build=$BUILD
END
}

# Logs grow within one run only.
up_logs()
{
    local log

    for log in "$DATA"/log/*.log; do
        [ ! -s "$log" ] || mv -f "$log" "$log.1"
    done
}

# name, rank (higher ends first), signal that ends it, seconds it may take; HUP: SIGHUP goes on to it.
up_services_first()
{
    echo "postgres 1 INT 30"
    echo "mosquitto 2 TERM 5"
}

up_services_all()
{
    local i

    up_services_first
    echo "fcgi 3 TERM 15 HUP"
    for ((i = 1; i <= BROKERS; i++)); do
        echo "broker-$i 4 TERM 15 HUP"
    done
    echo "lighttpd 5 TERM 5"
}

# Start the supervisor: detached with nothing of this terminal, else tethered to us by a pipe, so
# that it ends everything even if we are killed.
up_supervisor()
{
    local program=$BUILD/parley-supervise log=$DATA/log/supervisor.log

    if [ -n "$DETACH" ]; then
        setsid "$program" "$DATA" </dev/null >"$log" 2>&1 {UP_LOCK}<&- &
    else
        exec {TETHER}> >(exec setsid "$program" --tether "$DATA" >"$log" 2>&1 {UP_LOCK}<&-)
    fi
    SUPERVISOR=$!
}

# The front comes last: lighttpd leaves a worker alone for a second that was not there when asked.
up_is_ready()
{
    local port

    for port in "${BROKER_PORTS[@]}"; do
        curl -fs -o /dev/null -m 2 "http://127.0.0.1:$port/readyz" || return 1
    done
    [ -S "${SETTINGS[fcgi.socket]}" ] || return 1
    curl -fs -o /dev/null -m 2 "http://127.0.0.1:$HTTP_PORT/readyz"
}

up_failed()
{
    local log

    say "dev: $1"
    for log in "$DATA"/log/*.log; do
        [ -s "$log" ] || continue
        say "--- the end of $log"
        tail -n 8 "$log" >&2
    done
    exit 1
}

up_start()
{
    up_services_first | write_file 600 "$DATA/run/services"
    up_supervisor
    postgres_sync
    wait_until 30 postgres_is_up || up_failed "PostgreSQL did not start"
    postgres_provision
    up_services_all | write_file 600 "$DATA/run/services"
    kill -HUP "$SUPERVISOR"
    wait_until 30 up_is_ready || up_failed "not ready after 30 seconds"
}

# Whatever ends this script before all is well ends what it started.
up_abandon()
{
    trap '' INT TERM HUP
    instance_stop
}

up_print()
{
    local i

    echo "parley is ready"
    echo "  web, REST      http://127.0.0.1:$HTTP_PORT/   http://127.0.0.1:$HTTP_PORT/api"
    echo "  Socket.IO      http://127.0.0.1:$HTTP_PORT/socket.io/"
    for i in "${!BROKER_PORTS[@]}"; do
        echo "  broker $((i + 1))       http://127.0.0.1:${BROKER_PORTS[i]}"
    done
    echo "  MQTT           127.0.0.1:$MQTT_PORT (name and password in $DATA/parley.conf)"
    echo "  MQTT devices   127.0.0.1:$DEVICES_PORT (a user's name, and its access token as password)"
    echo "  PostgreSQL     $SOCKETS/pg (./dev status --json has how to connect)"
    echo "  data, logs     $DATA"
    [ -z "$DEMO" ] || up_demo_print
}

up_wait()
{
    trap 'say "ending"; instance_stop; exit 0' INT TERM HUP
    wait "$SUPERVISOR" || true
    say "dev: the supervisor died"
    instance_stop
    exit 1
}

up_main()
{
    up_options "$@"
    ! supervisor_lives || up_refuse_running
    packages_ensure "$LIB/packages.txt"
    build_tree "$VARIANT"
    build_folder "$VARIANT"
    BUILD=$REPLY
    build_web "$ROOT/build/web"
    up_lock
    up_refuse_running
    up_folders
    trap up_abandon EXIT
    trap 'exit 130' INT TERM HUP
    up_logs
    up_secrets
    postgres_place
    up_sockets
    up_ports
    up_settings
    up_record
    postgres_configure
    mosquitto_configure
    front_configure
    up_scripts
    up_start
    [ -z "$DEMO" ] || up_demo
    up_print
    trap - EXIT INT TERM HUP
    [ -n "$DETACH" ] || up_wait
}
