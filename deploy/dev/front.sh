# shellcheck shell=bash disable=SC2153,SC2034
# lighttpd, the one port in front of workers and brokers.

front_configure()
{
    local program backends='' backend port sids='' number=0 sockets='' idle fds sio_path header_bytes

    setting_value socketio.path
    sio_path=$REPLY

    program=$(PATH=$PATH:/usr/sbin command -v lighttpd) || die "lighttpd is not installed"
    for port in "${BROKER_PORTS[@]}"; do
        number=$((number + 1))
        backend="( \"host\" => \"127.0.0.1\", \"port\" => $port, \"disable-time\" => 0 )"
        backends+="$backend, "
        sids+="\$HTTP[\"querystring\"] =~ \"(^|&)sid=b$number-\" {"$'\n'
        sids+="    proxy.server = ( \"$sio_path\" => ( $backend ) )"$'\n'"}"$'\n'
    done
    if grep -q '^0*1 ' /proc/net/if_inet6 2>/dev/null; then
        sockets="\$SERVER[\"socket\"] == \"[::1]:$HTTP_PORT\" { }"
    fi
    # A quiet websocket is heard of once per ping: wait longer than that.
    setting_number socketio.ping_interval_ms
    idle=$REPLY
    setting_number socketio.ping_timeout_ms
    idle=$(((idle + REPLY) / 1000 + 30))
    setting_number limits.header_bytes
    header_bytes=$((REPLY < 65535 ? REPLY : 65535))
    fds=$(ulimit -Hn)
    is_number_to 65535 "$fds" || fds=65535
    mkdir -p "$DATA/lighttpd/uploads"
    fill "$ROOT/deploy/lighttpd/parley.conf.in" PORT="$HTTP_PORT" BIND=127.0.0.1 \
        SOCKETS="$sockets" WEB="$ROOT/build/web" UPLOADS="$DATA/lighttpd/uploads" \
        FCGI_SOCKET="${SETTINGS[fcgi.socket]}" SIO_PATH="$sio_path" \
        BROKERS="${backends%, }" SIDS="${sids%$'\n'}" IDLE="$idle" HEADER_BYTES="$header_bytes" \
        FDS="$fds" CONNECTIONS=$((fds / 2)) |
        write_file 600 "$DATA/lighttpd/lighttpd.conf"
    "$program" -tt -f "$DATA/lighttpd/lighttpd.conf" >/dev/null ||
        die "lighttpd does not accept its configuration"
    printf '#!/bin/sh\nexec %s -D -f %s\n' "$program" "$DATA/lighttpd/lighttpd.conf" |
        write_file 700 "$DATA/run/lighttpd.run"
}
