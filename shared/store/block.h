/*
 * Blocks: whose messages a user does not want to see. A block is a row of user_block, and one of
 * the blocker's inbox, so that the sockets hear of it; it changes who may write in the direct room
 * of the two, whose lock is therefore taken first.
 */
#ifndef PARLEY_STORE_BLOCK_H
#define PARLEY_STORE_BLOCK_H

#include "shared/store/room.h"

enum block_verdict {
    BLOCK_WRITTEN,
    BLOCK_NO_CHANGE,       /* it is so already */
    BLOCK_UNAUTHENTICATED, /* the session has ended */
    BLOCK_TOO_MANY,        /* the limit is reached */
    BLOCK_AGAIN            /* the direct room of the two was being made: nothing was looked at */
};

struct block_change {
    int64_t other;  /* the user to block or not */
    bool block;     /* else unblock */
    int inbox_kind; /* of the row in the inbox */
    int64_t max;    /* blocks per user */
};

struct block_outcome {
    enum block_verdict verdict;
    int64_t inbox_seq; /* WRITTEN, and its date */
    int64_t at_us;
};

/* Write and COMMIT, in one round trip. */
enum err block_write(struct db *db, const struct room_viewer *viewer,
                     const struct block_change *change, struct block_outcome *out) MUST_CHECK;

/* Has either of the two blocked the other? In the caller's transaction. */
enum err block_between(struct db *db, int64_t one, int64_t other, bool *out) MUST_CHECK;

struct block_row {
    int64_t user_id;
    struct span username; /* borrowed from the rows */
    int64_t at_us;
};

/* Whom the viewer has blocked, by user id, those with greater ids than `after_id`, `limit` at most.
 * *count rows. ERR_UNAUTHENTICATED. */
enum err block_list(struct db *db, const struct room_viewer *viewer, int64_t after_id,
                    int64_t limit, struct db_result *rows, int *count) MUST_CHECK;
void block_row_get(const struct db_result *rows, int row, struct block_row *out);

#endif
