/* Full-text search, for REST, and keeping its index up to date, for the broker. Both block. */
#ifndef PARLEY_CHAT_SEARCH_H
#define PARLEY_CHAT_SEARCH_H

#include "shared/chat/chat.h"

struct chat_search_query {
    struct span text;
    struct span room;   /* SPAN_NONE: in all rooms of the actor */
    struct span cursor; /* opaque; SPAN_NONE: the beginning */
    int64_t limit;
};

/* Why a search was refused. */
struct chat_search_refusal {
    const char *field, *problem; /* ERR_VALIDATION_FAILED; constants */
    int64_t retry_ms;            /* ERR_RATE_LIMITED (limits.searches_per_s); else 0 */
};

/* Append {"messages": [Message...], nextCursor?}: messages of the actor's rooms that have all words
 * of the text, best first. With the two errors it names, `refusal` says more. */
enum err chat_search(struct chat *chat, struct db *db, const struct chat_actor *actor,
                     const struct chat_search_query *query, struct buf *out,
                     struct buf *next_cursor, struct chat_search_refusal *refusal) MUST_CHECK;

/* A step of indexing what was written; *more: another one is worth it at once. */
enum err chat_search_index(struct db *db, bool *more) MUST_CHECK;

#endif
