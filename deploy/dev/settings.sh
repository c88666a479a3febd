# shellcheck shell=bash
# The configuration file of an instance: our values, then the --set overrides, over the defaults of
# shared/base/settings.def (which is also what decides whether a key exists).

declare -A SETTINGS=()

# Fail unless settings.def has the key $1.
setting_exists()
{
    [[ $1 =~ ^[a-z]+\.[a-z0-9_]+$ ]] || return 1
    grep -q "^SETTING([A-Z0-9_]*, \"${1//./\\.}\"," "$ROOT/shared/base/settings.def"
}

# settings_override KEY=VALUE: from --set.
settings_override()
{
    local key=${1%%=*}

    [[ $1 == *=* ]] || die "--set wants KEY=VALUE, not '$1'"
    setting_exists "$key" ||
        die "--set: there is no setting '$key'; docs/parley.conf.sample has all of them"
    # What the file's format cannot hold: more lines, and what it takes for a comment.
    [[ ${1#*=} != *$'\n'* && " ${1#*=}" != *[[:space:]]\;* ]] ||
        die "--set $key: the value may have neither a line break nor a ';' after a space"
    SETTINGS[$key]=${1#*=}
}

# setting_default KEY VALUE: unless it was overridden.
setting_default()
{
    setting_exists "$1" || die "internal: settings.def has no '$1'"
    SETTINGS[$1]=${SETTINGS[$1]-$2}
}

# The value of a setting in effect, in REPLY.
setting_value()
{
    REPLY=${SETTINGS[$1]-$(sed -n \
        "s/^SETTING([A-Z0-9_]*, \"${1//./\\.}\", [A-Z]*, \"\([^\"]*\)\".*/\1/p" \
        "$ROOT/shared/base/settings.def")}
}

# The same of an INT.
setting_number()
{
    setting_value "$1"
    is_number "$REPLY" || die "--set $1: '$REPLY' is not a number"
}

# All SETTINGS as an ini file on standard output.
settings_print()
{
    local key section='' now

    printf '# Written by ./dev up; changed by its --set options only.\n'
    while read -r key; do
        now=${key%%.*}
        [ "$now" = "$section" ] || printf '\n[%s]\n' "$now"
        section=$now
        printf '%s = %s\n' "${key#*.}" "${SETTINGS[$key]}"
    done < <(printf '%s\n' "${!SETTINGS[@]}" | sort)
}
