/* History: the messages of several rooms, each a range of its log, in one statement. */
#ifndef PARLEY_STORE_HISTORY_H
#define PARLEY_STORE_HISTORY_H

#include "shared/db/db.h"

/* The ranges after < seq <= head of rooms, as columns. */
struct history_ranges {
    const int64_t *room_ids;
    const int64_t *afters;
    const int64_t *heads;
    size_t count;
};

struct history_message {
    size_t range; /* index of its range */
    int64_t seq;
    int kind;
    struct span sender; /* SPAN_NONE: the system */
    struct span text;   /* SPAN_NONE: deleted */
    struct span nonce;
    int64_t at_us, edited_us, deleted_us;
};

/* The first `limit` messages of each range, without those of the authors `blocked`, by range and
 * seq. The rows are the caller's to release. Authorises nothing: the ranges come from an admission.
 */
enum err history_read(struct db *db, const struct history_ranges *ranges, int64_t limit,
                      const int64_t *blocked, size_t blocked_count,
                      struct db_result *rows) MUST_CHECK;

/* Spans are borrowed from the rows. */
void history_message_get(const struct db_result *rows, int row, struct history_message *out);

#endif
