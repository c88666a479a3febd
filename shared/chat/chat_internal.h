/*
 * The inside of the chat context: what all commands of a process share, and its rate limits. Opaque
 * outside of shared/chat.
 */
#ifndef PARLEY_CHAT_CHAT_INTERNAL_H
#define PARLEY_CHAT_CHAT_INTERNAL_H

#include "shared/auth/password.h"
#include "shared/base/bucket.h"
#include "shared/chat/chat.h"
#include "shared/chat/gate.h"

struct chat {
    const struct conf *conf;
    struct token_key token_key;
    struct password_cost password_cost;
    struct gate gate;
    struct identity *identity;             /* NULL: no outside issuer */
    struct bucket_table *sends;            /* by user */
    struct bucket_table *marks;            /* by user */
    struct bucket_table *searches;         /* by user */
    struct bucket_table *commands;         /* by user */
    struct bucket_table *connects;         /* by user */
    struct bucket_table *private_rooms;    /* by user */
    struct bucket_table *passwords;        /* by account and address together */
    struct bucket_table *password_sources; /* by address */
    struct bucket_table *signups;          /* by address */
    struct bucket_table *publishes;        /* by API key */
    uint64_t refused[CONF_COUNT];          /* atomic; by limit */
};

/* Each takes from its limit: 0, or after how many ms it would pass (then nothing was taken). */
int64_t chat_limit_send(struct chat *chat, int64_t user_id);
int64_t chat_limit_mark(struct chat *chat, int64_t user_id);
int64_t chat_limit_command(struct chat *chat, int64_t user_id);
int64_t chat_limit_private_room(struct chat *chat, int64_t user_id);
int64_t chat_limit_publish(struct chat *chat, int64_t key_id);
int64_t chat_limit_search(struct chat *chat, int64_t user_id);
int64_t chat_limit_signup(struct chat *chat, const char *address);

/* A try at a password. `account` is the user who logs in or who tries a room's password; never a
 * limit by it alone, which would let strangers lock it out. */
int64_t chat_limit_password(struct chat *chat, struct span account, const char *address);
/* The password was right: that try does not count for the account. It does for the address, whose
 * limit also bounds what hashes one address can make us compute. */
void chat_limit_password_passed(struct chat *chat, struct span account, const char *address);

#endif
