/*
 * Who is online at which broker, and which brokers live. Whatever changes presence takes one lock
 * (presence_change): two brokers that see a user come and go agree on who was the last.
 */
#ifndef PARLEY_STORE_PRESENCE_H
#define PARLEY_STORE_PRESENCE_H

#include "shared/db/db.h"

struct presence_change {
    struct span broker;
    int64_t lease_ms;    /* not 0: make the broker known, with that lease */
    const int64_t *came; /* users that this broker has now */
    size_t came_count;
    const int64_t *gone; /* ... and has no more */
    size_t gone_count;
    bool again;          /* the outcome of the same change before is not known */
    bool bury;           /* take down brokers whose lease has ended */
    int64_t max_members; /* rows are of rooms with at most so many */
};

/* What a change has made true. Each to be released by the caller. */
struct presence_rows {
    struct db_result came, gone, buried;
};

/* One transaction. Rows: the rooms of users that were nowhere before, that are nowhere now. */
enum err presence_change(struct db *db, const struct presence_change *change,
                         struct presence_rows *out) MUST_CHECK;
void presence_rows_release(struct presence_rows *rows);

/* How many users of dead brokers were taken down (0: nothing is left of them). */
int64_t presence_buried(const struct presence_rows *rows);

/* A row of any of the results, borrowed from it. False: it is none (of `buried`, the count). */
struct presence_row {
    int64_t room_id;
    struct span room_name;
    struct span username; /* presence_state: SPAN_NONE in a room where nobody is online */
};
bool presence_row(const struct db_result *rows, int index, struct presence_row *out);
/* Of a row of presence_state: is its room within the budget? Else its names are missing. */
bool presence_fits(const struct db_result *rows, int index);

/* Keep the lease. *alive: it had not ended; *dead: other brokers' leases have. */
enum err presence_renew(struct db *db, struct span broker, int64_t lease_ms, bool *alive,
                        bool *dead) MUST_CHECK;

/* Who is online in these rooms, of those with at most `max_members`: by room; of as many rooms as
 * have `budget` members together. */
enum err presence_state(struct db *db, const int64_t *rooms, size_t count, int64_t max_members,
                        int64_t budget, struct db_result *rows) MUST_CHECK;

#endif
