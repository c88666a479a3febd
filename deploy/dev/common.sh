# shellcheck shell=bash
# What every part uses: messages, processes, ports, JSON.

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    printf 'dev: %s\n' "$*" >&2
    exit 1
}

# need_value OPTION COUNT: die unless an option's value follows.
need_value()
{
    [ "$2" -gt 1 ] || die "$1 needs a value"
}

is_number_to()
{
    is_number "$2" && [ "$2" -le "$1" ]
}

is_number()
{
    [[ $1 =~ ^[0-9]{1,9}$ ]]
}

# The start time of process $1 in REPLY (proc(5), stat field 22); fails if it is gone or a zombie.
proc_start()
{
    local text fields

    { read -r text <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra fields <<<"${text##*)}"
    [ "${fields[0]}" != Z ] || return 1
    REPLY=${fields[19]}
}

# The live process recorded in the file $1 ("PID STARTTIME") in REPLY. The start time makes sure
# that it is that process and not a later one with its number.
live_pid()
{
    local pid start

    { read -r pid start <"$1"; } 2>/dev/null || return 1
    proc_start "$pid" || return 1
    [ "$REPLY" = "$start" ] || return 1
    REPLY=$pid
}

# wait_until SECONDS COMMAND...: run it every 20 ms until it succeeds.
wait_until()
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# Is something listening or connected on the local TCP port $1? (A machine that was busy has tens of
# thousands of closed connections listed, too many for a loop of the shell.)
port_taken()
{
    local hex

    printf -v hex '%04X' "$1"
    grep -qsE "^ *[0-9]+: [0-9A-F]+:$hex " /proc/net/tcp /proc/net/tcp6
}

# A free port in REPLY, below the range that the kernel hands out to connections.
free_port()
{
    local tries

    for tries in {1..100}; do
        REPLY=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        [[ " ${PORTS_GIVEN:-} " != *" $REPLY "* ]] || continue
        if ! port_taken "$REPLY"; then
            PORTS_GIVEN="${PORTS_GIVEN:-} $REPLY"
            return
        fi
    done
    die "no free port found in $tries tries"
}

port_open()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

random_hex()
{
    od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

json_string()
{
    local text=${1//\\/\\\\}

    printf '"%s"' "${text//\"/\\\"}"
}

# fill TEMPLATE NAME=VALUE...: the template with each @NAME@ replaced, on standard output.
fill()
{
    local text pair

    text=$(<"$1")
    shift
    for pair; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done
    printf '%s\n' "$text"
}

# write_file MODE PATH: standard input into the file, in one step for readers.
write_file()
{
    cat >"$2.new"
    chmod "$1" "$2.new"
    mv -f "$2.new" "$2"
}
