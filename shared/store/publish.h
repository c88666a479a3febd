/*
 * Rows that a site's backend writes into a log: system messages and custom events of a room, custom
 * events of a user. A nonce makes writing one again harmless.
 */
#ifndef PARLEY_STORE_PUBLISH_H
#define PARLEY_STORE_PUBLISH_H

#include "shared/db/db.h"

struct publish_row {
    struct span key; /* of the room's name, or of the user's */
    int kind;
    struct span text, payload; /* SPAN_NONE: none */
    struct span nonce, body_hash;
};

struct publish_outcome {
    int64_t id; /* of the room or the user; 0: there is none, or not any more */
    char *name; /* owned */
    int64_t seq, at_us;
    bool known; /* the nonce is: nothing was written, seq and date are its row's */
    bool same;  /* ... with the same body */
};

/* Write it, in one transaction and one round trip. */
enum err publish_to_room(struct db *db, const struct publish_row *row,
                         struct publish_outcome *out) MUST_CHECK;
enum err publish_to_user(struct db *db, const struct publish_row *row,
                         struct publish_outcome *out) MUST_CHECK;

/* Only find it: id and name. */
enum err publish_find_room(struct db *db, struct span key, struct publish_outcome *out) MUST_CHECK;
enum err publish_find_user(struct db *db, struct span key, struct publish_outcome *out) MUST_CHECK;

#endif
