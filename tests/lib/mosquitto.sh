#!/bin/sh
# A private mosquitto for tests: loopback, a free port, a password file, nothing kept.
#
#   mosquitto.sh run COMMAND...   start one, run COMMAND with MOSQUITTO_DIR, MOSQUITTO_PORT,
#                                 MOSQUITTO_USERNAME and MOSQUITTO_PASSWORD set, stop it; exit as
#                                 COMMAND does, or 77 (skipped) where mosquitto is not installed
#   mosquitto.sh start DIR [PORT] start one in DIR (made if need be); prints its port.
#                                 A DIR that had one before gets the same port and passwords
#   mosquitto.sh stop DIR         end it cleanly, and wait until it is gone
#   mosquitto.sh kill DIR         the same with SIGKILL
set -eu

PATH=$PATH:/usr/sbin:/usr/local/sbin

die() {
    echo "mosquitto.sh: $1" >&2
    exit "${2:-1}"
}

need() {
    command -v mosquitto >/dev/null && command -v mosquitto_passwd >/dev/null ||
        die "mosquitto is not installed" 77
}

# A zombie is not alive, however long its parent takes to notice.
alive() { # PID
    kill -0 "$1" 2>/dev/null || return 1
    case $(cat "/proc/$1/stat" 2>/dev/null) in
    *") Z "*) return 1 ;;
    esac
}

# Between 20000 and 52767; the caller tries another one when it is taken.
random_port() {
    echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 32768))
}

configure() { # DIR PORT
    (
        umask 077
        cat >"$1/mosquitto.conf" <<END
per_listener_settings true
listener $2 127.0.0.1
allow_anonymous false
password_file $1/passwords
listener 0 $1/socket
allow_anonymous false
password_file $1/passwords
persistence false
set_tcp_nodelay true
max_queued_messages 100000
max_inflight_messages 1000
log_dest file $1/mosquitto.log
log_type error
log_type warning
log_type notice
log_type information
END
        # As root it would become the user mosquitto, who cannot read a private directory.
        if [ "$(id -u)" = 0 ]; then echo "user root" >>"$1/mosquitto.conf"; fi
        if [ ! -e "$1/secret" ]; then
            od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$1/secret"
            mosquitto_passwd -b -c "$1/passwords" parley "$(cat "$1/secret")" 2>/dev/null
        fi
    )
    echo "$2" >"$1/port"
}

# Start with the port in DIR/port; false if it does not come up (the port is taken).
try_start() { # DIR
    : >"$1/mosquitto.log"
    mosquitto -c "$1/mosquitto.conf" </dev/null >/dev/null 2>&1 &
    echo $! >"$1/pid"
    tries=0
    while [ $tries -lt 100 ]; do
        if grep -q ' running$' "$1/mosquitto.log"; then return 0; fi
        alive "$(cat "$1/pid")" || return 1
        sleep 0.05
        tries=$((tries + 1))
    done
    return 1
}

start() { # DIR [PORT]
    need
    mkdir -p "$1"
    port=${2:-$(cat "$1/port" 2>/dev/null || true)}
    attempts=0
    while [ $attempts -lt 20 ]; do
        configure "$1" "${port:-$(random_port)}"
        if try_start "$1"; then
            cat "$1/port"
            return 0
        fi
        if [ -n "$port" ]; then sleep 0.1; fi
        attempts=$((attempts + 1))
    done
    cat "$1/mosquitto.log" >&2
    die "mosquitto does not start"
}

stop() { # DIR SIGNAL
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
    tries=0
    while alive "$pid" && [ $tries -lt 100 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    rm -f "$1/pid"
}

run() {
    need
    MOSQUITTO_DIR=$(mktemp -d "${TMPDIR:-/tmp}/parley-mosquitto.XXXXXX")
    trap 'stop "$MOSQUITTO_DIR" KILL; rm -rf "$MOSQUITTO_DIR"' EXIT
    trap 'exit 1' HUP INT TERM
    MOSQUITTO_PORT=$(start "$MOSQUITTO_DIR")
    MOSQUITTO_USERNAME=parley
    MOSQUITTO_PASSWORD=$(cat "$MOSQUITTO_DIR/secret")
    export MOSQUITTO_DIR MOSQUITTO_PORT MOSQUITTO_USERNAME MOSQUITTO_PASSWORD
    "$@"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
run) run "$@" ;;
start) start "$@" ;;
stop) stop "$1" TERM ;;
kill) stop "$1" KILL ;;
*) die "usage: mosquitto.sh run COMMAND... | start DIR [PORT] | stop DIR | kill DIR" ;;
esac
