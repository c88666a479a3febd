/*
 * What a site's own backend says, with an API key: a system message into a room, or an event of its
 * own into a room or to a user, as a row of the log or as passing news. The key stands for the
 * operator: it reaches every room.
 */
#ifndef PARLEY_CHAT_PUBLISH_H
#define PARLEY_CHAT_PUBLISH_H

#include "shared/chat/chat.h"

/* Whose key is it? `key` may have "Bearer " in front. ERR_UNAUTHENTICATED: unknown or revoked. */
enum err chat_key_check(struct db *db, struct span key, int64_t *key_id) MUST_CHECK;

struct chat_publication {
    struct event_list events; /* to be published */
    struct buf resource;      /* the JSON answer of a success */
    struct buf problems;      /* of validation_failed: a JSON array */
    bool durable;             /* it is a row */
    bool replay;              /* the nonce was known: nothing new was written */
    int64_t retry_ms;         /* of rate_limited */
};

/* `out` is filled anew; release it in any case. `body` is any bytes; `nonce` wins over the body's
 * (SPAN_NONE: none). */
enum err chat_publish(struct chat *chat, struct db *db, int64_t key_id, struct span body,
                      struct span nonce, struct chat_publication *out) MUST_CHECK;
void chat_publication_release(struct chat_publication *publication);

#endif
