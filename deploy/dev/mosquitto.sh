# shellcheck shell=bash
# The instance's private MQTT broker: a loopback port for parley itself and one for devices, which
# parley's plugin lets in. No anonymous access.

# A plugin built with a sanitizer needs its runtime to be there first. AddressSanitizer then begins
# inside a constructor of libgpg-error that holds gettext's lock, looks for swift_demangle, and on
# the way to saying that there is none unlocks it: so there is one. What mosquitto itself has not
# freed at its end is not ours.
mosquitto_preload()
{
    local runtime stub=$DATA/run/no-swift.so

    REPLY=''
    case ${VARIANT:-} in
    asan | tsan) runtime=$(gcc -print-file-name="lib$VARIANT.so") ;;
    *) return ;;
    esac
    echo 'char *swift_demangle(void) { return 0; }' | gcc -shared -fPIC -x c -o "$stub" -
    REPLY="export LD_PRELOAD=$runtime:$stub ASAN_OPTIONS=\"\${ASAN_OPTIONS:-}:detect_leaks=0\""
}

mosquitto_configure()
{
    local program

    program=$(PATH=$PATH:/usr/sbin command -v mosquitto) || die "mosquitto is not installed"
    mkdir -p "$DATA/mosquitto"
    printf 'parley:%s\n' "$SECRET_MQTT" >"$DATA/mosquitto/passwd.new"
    mosquitto_passwd -U "$DATA/mosquitto/passwd.new"
    mv "$DATA/mosquitto/passwd.new" "$DATA/mosquitto/passwd"
    write_file 600 "$DATA/mosquitto/acl" <<'END'
# Written by ./dev up. parley itself; nobody else may do anything.
user parley
topic readwrite parley/v1/#
END
    # TCP_NODELAY: without it a client that publishes and subscribes stalls in steps of 40 ms.
    write_file 600 "$DATA/mosquitto/mosquitto.conf" <<END
# Written by ./dev up.
per_listener_settings true

listener $MQTT_PORT 127.0.0.1
socket_domain ipv4
allow_anonymous false
password_file $DATA/mosquitto/passwd
acl_file $DATA/mosquitto/acl
plugin $BUILD/parley-devices.so
plugin_opt_listener private
plugin_opt_config $DATA/parley.conf

listener 0 $SOCKETS/mqtt.sock
allow_anonymous false
password_file $DATA/mosquitto/passwd
acl_file $DATA/mosquitto/acl
plugin $BUILD/parley-devices.so
plugin_opt_listener private
plugin_opt_config $DATA/parley.conf

listener $DEVICES_PORT 127.0.0.1
socket_domain ipv4
allow_anonymous false
plugin $BUILD/parley-devices.so
plugin_opt_listener devices
plugin_opt_config $DATA/parley.conf

# A device that asks for its session to be kept gets an hour of it, and no message.
persistent_client_expiration 1h
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 10000
max_packet_size 1048576
persistence true
persistence_location $DATA/mosquitto/
log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%SZ
connection_messages false
$([ "$EUID" -ne 0 ] || echo user root)
END
    mosquitto_preload
    printf '#!/bin/sh\nexport TZ=UTC\n%s\nexec %s -c %s\n' "$REPLY" "$program" \
        "$DATA/mosquitto/mosquitto.conf" | write_file 700 "$DATA/run/mosquitto.run"
}
