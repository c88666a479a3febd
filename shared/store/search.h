/*
 * Full-text search over the viewer's rooms: words as to_tsvector('simple') splits and folds them,
 * all of which a message must have. The index is kept behind the log, not by who writes it (see
 * docs/decisions/0007-search-is-indexed-behind-the-log.md); what is not in it yet is looked
 * through, so that nothing is missed.
 */
#ifndef PARLEY_STORE_SEARCH_H
#define PARLEY_STORE_SEARCH_H

#include "shared/store/room.h"

/* Where a page begins: after this message, in the order of the results. */
struct search_place {
    int64_t rank;
    int64_t at_us;
    int64_t room_id;
    int64_t seq;
};

struct search_query {
    struct span text;
    struct span room_key;            /* only in this room; SPAN_NONE: in all of the viewer's */
    const struct search_place *from; /* NULL: the first page */
    int64_t limit;
};

/* Spans are borrowed from the rows. */
struct search_hit {
    struct search_place place;
    struct span room_name;
    struct span sender;
    struct span text;
    struct span nonce;
    int64_t edited_us; /* 0: never */
};

/* Text messages of others than those the viewer has blocked, best first, then newest. *count rows.
 * ERR_UNAUTHENTICATED; ERR_SYNTAX: there is no word in the text; ERR_ROOM_NOT_FOUND: the viewer is
 * not in that room. */
enum err search_find(struct db *db, const struct room_viewer *viewer,
                     const struct search_query *query, struct db_result *rows,
                     int *count) MUST_CHECK;
void search_hit_get(const struct db_result *rows, int row, struct search_hit *out);

/* Bring the index up to date by some thousand rows of the logs; *more: there is more to do. One
 * process at a time does it, the others find nothing to do. */
enum err search_index(struct db *db, bool *more) MUST_CHECK;

#endif
