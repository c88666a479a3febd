/*
 * Reading the configuration again while the program runs. Which settings can change is decided
 * here; what a change asks of those who keep copies (queues, rate limits) is theirs to do.
 */
#include "shared/base/conf_table.h"

#include "shared/base/log.h"
#include "shared/base/mem.h"

/* Either looked up whenever it is needed, or handed on by the program that reloads. */
static const enum conf_key live[] = {
    CONF_LOG_LEVEL,
    CONF_AUTH_ACCESS_TTL_S,
    CONF_AUTH_REFRESH_TTL_S,
    CONF_AUTH_REUSE_MS,
    CONF_BROKER_DRAIN_MS,
    CONF_BROKER_DRAIN_SPREAD_MS,
    CONF_BROKER_GAP_WAIT_MS,
    CONF_APP_EVENTS,
    CONF_SIO_ORIGINS,
    CONF_SIO_TOKEN_IN_QUERY,
    CONF_FCGI_TRUSTED_PROXIES,
    CONF_TRUSTED_PROXIES,
    CONF_LIMIT_TEXT_CHARS,
    CONF_LIMIT_CHANNEL_NAME_CHARS,
    CONF_LIMIT_USERNAME_MIN,
    CONF_LIMIT_USERNAME_MAX,
    CONF_LIMIT_PASSWORD_MIN,
    CONF_LIMIT_PASSWORD_MAX,
    CONF_LIMIT_ROOM_PASSWORD_MAX,
    CONF_LIMIT_NONCE_CHARS,
    CONF_LIMIT_REASON_CHARS,
    CONF_LIMIT_SANCTION_S,
    CONF_LIMIT_JSON_DEPTH,
    CONF_LIMIT_CONNECTIONS,
    CONF_LIMIT_CONNECTIONS_PER_ADDRESS,
    CONF_LIMIT_CONNECTIONS_PER_USER,
    CONF_LIMIT_ROOMS_PER_USER,
    CONF_LIMIT_BLOCKS_PER_USER,
    CONF_LIMIT_OUTPUT_BYTES,
    CONF_LIMIT_OUTPUT_PACKETS,
    CONF_LIMIT_PROCESS_OUTPUT_BYTES,
    CONF_LIMIT_HISTORY_MEMORY_BYTES,
    CONF_LIMIT_HISTORY,
    CONF_LIMIT_PAGE,
    CONF_LIMIT_COMMANDS_WAITING,
    CONF_LIMIT_QUEUE,
    CONF_LIMIT_SENDS_PER_S,
    CONF_LIMIT_SEND_BURST,
    CONF_LIMIT_MARKS_PER_S,
    CONF_LIMIT_TYPING_PER_S,
    CONF_LIMIT_COMMANDS_PER_S,
    CONF_LIMIT_COMMAND_BURST,
    CONF_LIMIT_CONNECTS_PER_S,
    CONF_LIMIT_CONNECT_BURST,
    CONF_LIMIT_PUBLISHES_PER_S,
    CONF_LIMIT_SEARCHES_PER_S,
    CONF_LIMIT_APP_EVENTS_PER_S,
    CONF_LIMIT_PRIVATE_CREATIONS_PER_HOUR,
    CONF_LIMIT_PASSWORD_TRIES,
    CONF_LIMIT_PASSWORD_TRIES_ADDRESS,
    CONF_LIMIT_SIGNUPS_PER_HOUR,
    CONF_LIMIT_HASH_QUEUE,
    CONF_LIMIT_RECOVERY_SESSIONS,
    CONF_LIMIT_RECOVERY_BYTES,
};

bool conf_is_live(enum conf_key key)
{
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++)
        if (live[i] == key)
            return true;
    return false;
}

enum err conf_read_again(const char *path, struct conf **out)
{
    struct buf problem;
    enum err err;

    buf_init(&problem, 4096);
    err = conf_load(path, out, &problem);
    if (err == ERR_OK) {
        err = conf_require(*out, CONF_AUTH_SECRET, &problem);
        if (err != ERR_OK)
            conf_free(*out);
    }
    if (err != ERR_OK)
        log_event(LOG_ERROR, "configuration_invalid", "problem=\"%s\" kept=old", problem.data);
    buf_release(&problem);
    return err;
}

int conf_take_over(struct conf *conf, struct conf *fresh)
{
    enum log_level level = LOG_INFO;
    int changed = 0, waiting = 0;

    for (enum conf_key key = 0; key < CONF_COUNT; key++) {
        if (conf_is_same(conf, fresh, key))
            continue;
        if (conf_is_live(key)) {
            conf_move(conf, fresh, key);
            log_event(LOG_INFO, "setting_changed", "setting=%s value=\"%s\"", conf_name(key),
                      conf_text(conf, key));
            changed++;
        } else {
            log_event(LOG_WARN, "setting_needs_restart", "setting=%s", conf_name(key));
            waiting++;
        }
    }
    conf_free(fresh);
    if (log_level_parse(conf_str(conf, CONF_LOG_LEVEL), &level) == ERR_OK)
        log_set_level(level);
    log_event(LOG_INFO, "configuration_read", "changed=%d needs_restart=%d", changed, waiting);
    return changed;
}
