/* The chat context: configuration, keys, rate limits. The rules themselves are in the commands. */
#include "shared/chat/chat_internal.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/chat/identity.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)

/* Buckets of one limit; past it the least limited one is forgotten. */
#define BUCKETS_MAX 65536

enum burst { BURST_SAME, BURST_DOUBLE, BURST_SETTING };

/* The rate limits: where each is in struct chat, and what it is made of. */
static const struct {
    size_t table;
    enum conf_key tokens;
    int64_t period_ms;
    enum burst burst;
    enum conf_key burst_setting;
} rates[] = {
#define RATE(member, tokens, ...)                                                                  \
    {                                                                                              \
        offsetof(struct chat, member), CONF_LIMIT_##tokens, __VA_ARGS__                            \
    }
    RATE(sends, SENDS_PER_S, SECOND_MS, BURST_SETTING, CONF_LIMIT_SEND_BURST),
    RATE(commands, COMMANDS_PER_S, SECOND_MS, BURST_SETTING, CONF_LIMIT_COMMAND_BURST),
    RATE(connects, CONNECTS_PER_S, SECOND_MS, BURST_SETTING, CONF_LIMIT_CONNECT_BURST),
    RATE(marks, MARKS_PER_S, SECOND_MS, BURST_DOUBLE, 0),
    RATE(searches, SEARCHES_PER_S, SECOND_MS, BURST_DOUBLE, 0),
    RATE(publishes, PUBLISHES_PER_S, SECOND_MS, BURST_DOUBLE, 0),
    RATE(private_rooms, PRIVATE_CREATIONS_PER_HOUR, HOUR_MS, BURST_SAME, 0),
    RATE(passwords, PASSWORD_TRIES, 5 * MINUTE_MS, BURST_SAME, 0),
    RATE(password_sources, PASSWORD_TRIES_ADDRESS, 5 * MINUTE_MS, BURST_SAME, 0),
    RATE(signups, SIGNUPS_PER_HOUR, HOUR_MS, BURST_SAME, 0),
#undef RATE
};

#define RATE_COUNT (sizeof rates / sizeof rates[0])

static struct bucket_table **table_of(struct chat *chat, size_t index)
{
    return (struct bucket_table **)((char *)chat + rates[index].table);
}

static int burst_of(const struct conf *conf, size_t index, int tokens)
{
    if (rates[index].burst == BURST_SETTING)
        return (int)conf_int(conf, rates[index].burst_setting);
    if (rates[index].burst == BURST_DOUBLE)
        return tokens * 2 + 1;
    return tokens > 0 ? tokens : 1;
}

void chat_reload(struct chat *chat)
{
    gate_set_limit(&chat->gate, conf_int(chat->conf, CONF_LIMIT_HASH_QUEUE));
    for (size_t i = 0; i < RATE_COUNT; i++) {
        int tokens = (int)conf_int(chat->conf, rates[i].tokens);

        bucket_table_change(*table_of(chat, i), tokens, burst_of(chat->conf, i, tokens));
    }
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
    for (size_t i = 0; i < RATE_COUNT; i++) {
        int tokens = (int)conf_int(conf, rates[i].tokens);

        *table_of(chat, i) =
            bucket_table_new(tokens, rates[i].period_ms, burst_of(conf, i, tokens), BUCKETS_MAX);
    }
    chat->identity = identity_new(conf);
    return chat;
}

void chat_free(struct chat *chat)
{
    if (!chat)
        return;
    identity_free(chat->identity);
    for (size_t i = 0; i < RATE_COUNT; i++)
        bucket_table_free(*table_of(chat, i));
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

void chat_count_refusal(struct chat *chat, enum conf_key limit)
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
        chat_count_refusal(chat, limit);
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

int64_t chat_limit_search(struct chat *chat, int64_t user_id)
{
    return take_for_user(chat, CONF_LIMIT_SEARCHES_PER_S, chat->searches, user_id);
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
