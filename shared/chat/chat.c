/* The chat context: configuration, keys, rate limits. The rules themselves are in the commands. */
#include "shared/chat/chat_internal.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

/* Buckets of one limit; past it the least limited one is forgotten. */
#define BUCKETS_MAX 65536

static struct bucket_table *limit_new(const struct conf *conf, enum conf_key tokens,
                                      int64_t period_ms)
{
    int count = (int)conf_int(conf, tokens);
    return bucket_table_new(count, period_ms, count > 0 ? count : 1, BUCKETS_MAX);
}

static struct bucket_table *rate_new(const struct conf *conf, enum conf_key per_s,
                                     enum conf_key burst)
{
    return bucket_table_new((int)conf_int(conf, per_s), SECOND_MS, (int)conf_int(conf, burst),
                            BUCKETS_MAX);
}

struct chat *chat_new(const struct conf *conf)
{
    struct chat *chat = mem_alloc(sizeof *chat);
    chat->conf = conf;
    chat->token_key = (struct token_key){.secret = conf_str(conf, CONF_AUTH_SECRET),
                                         .issuer = conf_str(conf, CONF_AUTH_ISSUER)};
    chat->password_cost = (struct password_cost){.ops = conf_int(conf, CONF_AUTH_HASH_OPS),
                                                 .bytes = conf_int(conf, CONF_AUTH_HASH_BYTES)};
    gate_init(&chat->gate, conf_int(conf, CONF_LIMIT_HASH_QUEUE));
    int marks = (int)conf_int(conf, CONF_LIMIT_MARKS_PER_S);
    chat->sends = rate_new(conf, CONF_LIMIT_SENDS_PER_S, CONF_LIMIT_SEND_BURST);
    chat->commands = rate_new(conf, CONF_LIMIT_COMMANDS_PER_S, CONF_LIMIT_COMMAND_BURST);
    chat->connects = rate_new(conf, CONF_LIMIT_CONNECTS_PER_S, CONF_LIMIT_CONNECT_BURST);
    chat->marks = bucket_table_new(marks, SECOND_MS, marks * 2 + 1, BUCKETS_MAX);
    chat->private_rooms = limit_new(conf, CONF_LIMIT_PRIVATE_CREATIONS_PER_HOUR, HOUR_MS);
    chat->passwords = limit_new(conf, CONF_LIMIT_PASSWORD_TRIES, 5 * MINUTE_MS);
    chat->password_sources = limit_new(conf, CONF_LIMIT_PASSWORD_TRIES_ADDRESS, 5 * MINUTE_MS);
    chat->publishes =
        bucket_table_new((int)conf_int(conf, CONF_LIMIT_PUBLISHES_PER_S), SECOND_MS,
                         (int)conf_int(conf, CONF_LIMIT_PUBLISHES_PER_S) * 2 + 1, BUCKETS_MAX);
    chat->signups = limit_new(conf, CONF_LIMIT_SIGNUPS_PER_HOUR, HOUR_MS);
    return chat;
}

void chat_free(struct chat *chat)
{
    if (!chat)
        return;
    bucket_table_free(chat->sends);
    bucket_table_free(chat->marks);
    bucket_table_free(chat->commands);
    bucket_table_free(chat->connects);
    bucket_table_free(chat->private_rooms);
    bucket_table_free(chat->passwords);
    bucket_table_free(chat->password_sources);
    bucket_table_free(chat->signups);
    bucket_table_free(chat->publishes);
    gate_release(&chat->gate);
    mem_free(chat);
}

const struct conf *chat_conf(const struct chat *chat)
{
    return chat->conf;
}

const struct token_key *chat_token_key(const struct chat *chat)
{
    return &chat->token_key;
}

/* ---- rate limits ---- */

void chat_refused(struct chat *chat, enum conf_key limit)
{
    __atomic_add_fetch(&chat->refused[limit], 1, __ATOMIC_RELAXED);
}

uint64_t chat_refusals(const struct chat *chat, enum conf_key limit)
{
    return __atomic_load_n(&chat->refused[limit], __ATOMIC_RELAXED);
}

static int64_t take(struct chat *chat, enum conf_key limit, struct bucket_table *table,
                    struct span key)
{
    int64_t wait_ms = bucket_take(table, key, 1, clock_mono_ms());

    if (wait_ms > 0)
        chat_refused(chat, limit);
    return wait_ms;
}

static int64_t take_for_user(struct chat *chat, enum conf_key limit, struct bucket_table *table,
                             int64_t user_id)
{
    return take(chat, limit, table, span_make((const char *)&user_id, sizeof user_id));
}

int64_t chat_limit_send(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_SENDS_PER_S, chat->sends, user_id);
}

int64_t chat_limit_mark(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_MARKS_PER_S, chat->marks, user_id);
}

int64_t chat_limit_command(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_COMMANDS_PER_S, chat->commands, user_id);
}

int64_t chat_limit_connect(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_CONNECTS_PER_S, chat->connects, user_id);
}

int64_t chat_limit_publish(struct chat *chat, int64_t key_id)
{
    return take_for_user(chat, CONF_LIMIT_PUBLISHES_PER_S, chat->publishes, key_id);
}

int64_t chat_limit_private_room(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_PRIVATE_CREATIONS_PER_HOUR, chat->private_rooms, user_id);
}

int64_t chat_limit_signup(struct chat *chat, const char *address)
{
    return take(chat, CONF_LIMIT_SIGNUPS_PER_HOUR, chat->signups, span_of(address));
}

/* An address holds no space, so the two parts cannot be confused. */
static void account_key(struct span account, const char *address, struct buf *out)
{
    buf_init(out, BUF_MAX_DEFAULT);
    buf_add_str(out, address);
    buf_add_char(out, ' ');
    buf_add_span(out, account);
}

int64_t chat_limit_password(struct chat *chat, struct span account, const char *address)
{
    struct buf key;
    int64_t now_ms = clock_mono_ms();
    int64_t wait_ms =
        take(chat, CONF_LIMIT_PASSWORD_TRIES_ADDRESS, chat->password_sources, span_of(address));
    if (wait_ms > 0)
        return wait_ms;
    account_key(account, address, &key);
    wait_ms = take(chat, CONF_LIMIT_PASSWORD_TRIES, chat->passwords, buf_span(&key));
    if (wait_ms > 0)
        bucket_give(chat->password_sources, span_of(address), 1, now_ms);
    buf_release(&key);
    return wait_ms;
}

void chat_limit_password_passed(struct chat *chat, struct span account, const char *address)
{
    struct buf key;
    int64_t now_ms = clock_mono_ms();
    account_key(account, address, &key);
    bucket_give(chat->passwords, buf_span(&key), 1, now_ms);
    buf_release(&key);
}
